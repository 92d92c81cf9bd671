import { useCallback } from "react";

import { useWords } from "../../i18n/language";
import { count, moment } from "../../shared/format";
import { useRemote } from "../../shared/useRemote";
import { useSession } from "../../signin/SessionProvider";

/** Which versions there are of a type, how many twins are at each, and who added it. */
export function Versions({ name, dtmi }: { name: string; dtmi: string }) {
  const { t, known, language } = useWords();
  const { api } = useSession();
  const load = useCallback((signal: AbortSignal) => api.modelVersions(name, signal), [api, name]);
  const { data: versions } = useRemote(load);
  if (!versions) return null;
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
