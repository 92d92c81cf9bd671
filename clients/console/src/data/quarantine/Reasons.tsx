import type { RuleReason } from "../../api/dataTypes";
import { useWords } from "../../i18n/language";
import { useNames } from "../names";
import { pointedField } from "./mending";

/** The input of a field, which a reason jumps to. */
export function fieldId(name: string): string {
  return `field-${name}`;
}

/** Why the record was set aside; each reason leads to its field. */
export function Reasons({ reasons }: { reasons: RuleReason[] }) {
  const { t, known } = useWords();
  const names = useNames();
  return (
    <ul className="why-list" aria-label={t("quarantine.why")} data-testid="item-reasons">
      {reasons.map((reason, index) => {
        const field = pointedField(reason.pointer);
        return (
          <li key={index} className={`severity-${reason.severity}`}>
            <span className={`badge severity-${reason.severity}`}>
              {reason.rule} · {known(`severity.${reason.severity}`, reason.severity)}
            </span>
            <span>
              {names.message(reason.message)}
              <span className="fine muted rule-doc">{names.rule(reason.rule)}</span>
            </span>
            {field && (
              <button type="button" className="button small" onClick={() => jumpTo(field)} data-testid="jump" data-field={field}>
                {names.field(field)} ↓
              </button>
            )}
          </li>
        );
      })}
    </ul>
  );
}

function jumpTo(field: string): void {
  const input = document.getElementById(fieldId(field));
  input?.scrollIntoView({ block: "center" });
  input?.focus();
}
