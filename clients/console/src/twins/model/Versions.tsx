import type { TwinModel } from "../../api/modelTypes";
import { useWords } from "../../i18n/language";
import { count, moment } from "../../shared/format";

/** Which versions there are of a type, how many twins are at each, and who added it; none while they are read. */
export function Versions({ versions, dtmi }: { versions: readonly TwinModel[]; dtmi: string }) {
  const { t, known, language } = useWords();
  return (
    <ul className="versions" data-testid="model-versions">
      {versions.map((each) => (
        <li key={each.dtmi} aria-current={each.dtmi === dtmi ? "true" : undefined}>
          <b>{t("twins.version", { version: each.version ?? "" })}</b>
          <span className={`badge version-${each.state}`}>{known(`twins.version.${each.state}`, each.state ?? "")}</span>
          <span className="muted">{t("twins.total", { count: count(each.twins ?? 0, language) })}</span>
          <span className="fine muted">
            {each.created_by ? t("twins.version.by", { by: each.created_by, at: each.created_at ? moment(each.created_at, language) : "" }) : t("twins.version.shipped")}
          </span>
        </li>
      ))}
    </ul>
  );
}
