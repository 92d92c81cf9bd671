import { useWords } from "../../i18n/language";
import { modelAddress } from "../../shell/route";
import { nameOfDtmi, type Model } from "../models";
import { useModels } from "../useModels";

export function ModelLink({ dtmi }: { dtmi: string }) {
  const { models, names } = useModels();
  const name = nameOfDtmi(dtmi);
  if (!models.has(name)) return <code>{dtmi}</code>;
  return (
    <a href={modelAddress(name)} className={`model-tag model-${name}`}>
      {names.model(name)}
    </a>
  );
}

/** Says of what is inherited which type declares it. */
export function From({ content, model }: { content: { from: string }; model: Model }) {
  const { t } = useWords();
  if (content.from === model.dtmi) return null;
  return (
    <span className="fine">
      {" "}
      {t("twins.inherited")} <ModelLink dtmi={content.from} />
    </span>
  );
}
