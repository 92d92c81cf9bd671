import { useWords, type Language } from "../../i18n/language";
import { moment, shortly } from "../../shared/format";
import { useNames } from "../names";
import type { Fact } from "./steps";

export function Facts({ facts }: { facts: Fact[] }) {
  const { known, language } = useWords();
  const names = useNames();
  if (facts.length === 0) return null;
  return (
    <dl className="step-facts">
      {facts.map(({ name, value }) => (
        <div key={name}>
          <dt title={name}>{names.field(name)}</dt>
          <dd>{name === "state" ? known(`quarantine.${String(value)}`, String(value)) : factText(name, value, language)}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Times in the words of the reader; everything else as a short value. */
function factText(name: string, value: unknown, language: Language): string {
  if (typeof value === "string" && /_at$/.test(name) && !Number.isNaN(Date.parse(value))) return moment(value, language);
  return shortly(value, language);
}
