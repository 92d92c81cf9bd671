import { useWords } from "../../i18n/language";
import { ProblemLine } from "../../shared/States";
import { differences, same } from "../differences";
import type { Model } from "../models";
import { useModels } from "../useModels";
import { valueText } from "../values";
import { DifferenceList, FacetName } from "./DifferenceList";
import type { Conflict, Done, useWriting } from "./useWriting";

interface Props {
  writing: ReturnType<typeof useWriting>;
  model: Model | undefined;
}

/** What came of a write: done and to be undone, refused, or somebody was faster. */
export function WriteNote({ writing, model }: Props) {
  const { t } = useWords();
  const { problem, conflict, done } = writing;
  if (!problem && !conflict && !done) return null;
  return (
    <div className={`outcome ${done ? "" : "bad"}`} role={done ? "status" : "alert"} data-testid={conflict ? "conflict" : "write-note"}>
      <div>
        {problem && <ProblemLine problem={problem} />}
        {conflict && <Faster conflict={conflict} model={model} writing={writing} />}
        {done && <Written done={done} model={model} writing={writing} />}
      </div>
      <button type="button" className="button quiet" onClick={writing.close} aria-label={t("detail.close")}>
        ×
      </button>
    </div>
  );
}

function Written({ done, model, writing }: Props & { done: Done }) {
  const { t } = useWords();
  const { write, before } = done;
  return (
    <p>
      <FacetName facet={write.facet} name={write.name} model={model} />: <Text value={before} name={write.name} model={model} /> →{" "}
      <b>
        <Text value={write.value} name={write.name} model={model} />
      </b>{" "}
      <button type="button" className="button small" onClick={() => void writing.undo(done)} disabled={writing.isBusy} data-testid="undo">
        ↶ {t("twins.undo")}
      </button>
    </p>
  );
}

/** What changed since the reader looked, and whether it is the very value that was to be written. */
function Faster({ conflict, model, writing }: Props & { conflict: Conflict }) {
  const { t } = useWords();
  const { write, base, theirs } = conflict;
  const changed = differences(base.twin, theirs.twin);
  const isSame = changed.some((each) => each.facet === write.facet && each.name === write.name);
  const isDone = same(theirs.twin[write.facet][write.name], write.value ?? undefined);
  return (
    <>
      <h2>{t("twins.conflict")}</h2>
      <p>{t(isSame ? "twins.conflict.same" : "twins.conflict.other", { source: theirs.twin.source, revision: theirs.twin.revision })}</p>
      <DifferenceList differences={changed} model={model} />
      <p>
        {t("twins.conflict.yours")} <FacetName facet={write.facet} name={write.name} model={model} />{" "}
        <b>
          <Text value={write.value} name={write.name} model={model} />
        </b>
      </p>
      <p className="buttons">
        {!isDone && (
          <button type="button" className="button" onClick={() => void writing.write(write, theirs)} disabled={writing.isBusy} data-testid="conflict-write">
            {t("twins.conflict.write")}
          </button>
        )}
        <button type="button" className="button" onClick={writing.close} data-testid="conflict-keep">
          {t("twins.conflict.keep")}
        </button>
      </p>
    </>
  );
}

function Text({ value, name, model }: { value: unknown; name: string; model: Model | undefined }) {
  const words = useWords();
  const { names } = useModels();
  if (value === null || value === undefined) return <>{words.t("twins.notSet")}</>;
  return <>{valueText(value, model?.properties.find((each) => each.name === name), words, names)}</>;
}
