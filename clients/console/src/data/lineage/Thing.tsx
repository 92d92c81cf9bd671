import { useState } from "react";

import type { JsonObject } from "../../api/dataTypes";
import { asProblem, type Problem } from "../../api/problem";
import { useWords } from "../../i18n/language";
import { ProblemLine } from "../../shared/States";
import { useSession } from "../../signin/SessionProvider";
import { Facts } from "./Facts";
import { factsOf } from "./steps";

/** What the API says of a thing that has no page of its own, fetched when somebody asks. */
export function Thing({ path }: { path: string }) {
  const { t } = useWords();
  const { api } = useSession();
  const [thing, setThing] = useState<JsonObject | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  async function show() {
    setProblem(null);
    if (thing) return setThing(null);
    try {
      setThing(await api.thing(path));
    } catch (error) {
      setProblem(asProblem(error));
    }
  }
  return (
    <>
      <button type="button" className="button small" onClick={() => void show()} aria-expanded={thing !== null} data-testid="show-thing">
        {thing ? t("lineage.hide") : t("lineage.show")}
      </button>
      {problem && <ProblemLine problem={problem} />}
      {thing && partsOf(thing).map((part, index) => <Facts key={index} facts={factsOf(part)} />)}
    </>
  );
}

const shownItems = 5;

/** A thing, or the first things of a list. */
function partsOf(thing: JsonObject): JsonObject[] {
  const items = thing["items"];
  return Array.isArray(items) ? (items.slice(0, shownItems) as JsonObject[]) : [thing];
}
