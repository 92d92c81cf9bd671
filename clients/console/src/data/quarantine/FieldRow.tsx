import type { RuleReason } from "../../api/dataTypes";
import { useWords } from "../../i18n/language";
import { unitName } from "../../shared/format";
import { useNames } from "../names";
import { faultOf, unitEntry, type FormField } from "./mending";
import { fieldId } from "./Reasons";

interface Props {
  field: FormField;
  value: string;
  /** What was typed; undefined when the field was not touched. */
  entry: string | undefined;
  /** What came, where a saved change differs from it. */
  cameAs: string | null;
  unit: { value: string; entry: string | undefined };
  reasons: RuleReason[];
  isEditable: boolean;
  onEntry: (name: string, text: string) => void;
}

/** A field: what it is, its value, what came, and what is wrong with it. */
export function FieldRow({ field, value, entry, cameAs, unit, reasons, isEditable, onEntry }: Props) {
  const { t, known } = useWords();
  const names = useNames();
  const id = fieldId(field.name);
  const text = entry ?? value;
  const fault = isEditable && entry !== undefined ? faultOf(field, text) : null;
  const isWrong = reasons.length > 0;
  const before = entry !== undefined && entry !== value ? value : cameAs;
  const described = [`${id}-notes`, isWrong && `${id}-reasons`, fault && `${id}-fault`].filter(Boolean).join(" ");
  const inputs = { id, text, isInvalid: isWrong || fault !== null, described, onText: (typed: string) => onEntry(field.name, typed) };
  const canEdit = isEditable && !field.isReadOnly && field.isKnown;
  return (
    <div className={`field ${isWrong ? "wrong" : ""} ${before !== null ? "changed" : ""}`} data-testid="field" data-field={field.name}>
      <label htmlFor={id}>
        <span>
          {names.field(field.name)}
          {field.isRequired && <abbr title={t("form.required")}> *</abbr>}
        </span>
        <span className="code">{field.name}</span>
      </label>
      <div className="entry">
        {canEdit ? <Input field={field} {...inputs} /> : <output id={id} tabIndex={-1}>{text || "–"}</output>}
        {field.isQuantity && (canEdit || unit.value) ? (
          <UnitEntry field={field} unit={unit} canEdit={canEdit} onEntry={onEntry} />
        ) : (
          field.unit && <UnitText unit={field.unit} />
        )}
        {isEditable && !field.isKnown && text !== "" && (
          <button type="button" className="button small" onClick={() => onEntry(field.name, "")}>
            {t("form.remove")}
          </button>
        )}
      </div>
      <div className="notes fine">
        {reasons.length > 0 && (
          <p id={`${id}-reasons`} className="warn-text">
            {reasons.map((reason) => `${reason.rule}: ${names.message(reason.message)}`).join("; ")}
          </p>
        )}
        {fault && (
          <p id={`${id}-fault`} className="bad-text" role="alert">
            {t(`fault.${fault}`, { minimum: field.limits.minimum ?? "", maximum: field.limits.maximum ?? "" })}
          </p>
        )}
        {before !== null && (
          <p className="came-as">
            {t("form.cameAs")} <s>{before || t("form.nothing")}</s>
            {canEdit && (
              <button type="button" className="button small quiet" onClick={() => onEntry(field.name, before)} data-testid="restore">
                ↶ {t("form.restore")}
              </button>
            )}
          </p>
        )}
        <p id={`${id}-notes`} className="muted">
          {names.doc(field.description)}
          {field.isWriteOnly && <> {t("form.writeOnly")}</>}
          {(field.isKnown || field.dataClass !== "internal") && (
            <span className={`data-class ${field.dataClass}`} title={t("form.dataClass")}>
              {known(`class.${field.dataClass}`, field.dataClass)}
            </span>
          )}
        </p>
      </div>
    </div>
  );
}

interface InputProps {
  field: FormField;
  id: string;
  text: string;
  isInvalid: boolean;
  described: string;
  onText: (text: string) => void;
}

function Input({ field, id, text, isInvalid, described, onText }: InputProps) {
  const { t, known } = useWords();
  const names = useNames();
  const aria = { id, "aria-invalid": isInvalid, "aria-describedby": described, "data-testid": "entry" };
  if (field.type === "choice" || field.type === "flag") {
    const choices = field.type === "flag" ? ["true", "false"] : field.choices;
    return (
      <select {...aria} value={text} onChange={(event) => onText(event.target.value)}>
        <option value="">–</option>
        {text !== "" && !choices.includes(text) && <option value={text}>{t("form.notAllowed", { value: text })}</option>}
        {choices.map((choice) => (
          <option key={choice} value={choice}>
            {field.type === "flag" ? known(`flag.${choice}`, choice) : names.choice(field.name, choice)}
          </option>
        ))}
      </select>
    );
  }
  const hints: Record<string, string> = { date: "2026-01-31", "date-time": "2026-01-31T08:30:00+08:00" };
  return (
    <input
      {...aria}
      value={text}
      placeholder={hints[field.format]}
      inputMode={field.type === "number" ? "decimal" : "text"}
      spellCheck={false}
      autoComplete="off"
      onChange={(event) => onText(event.target.value)}
    />
  );
}

function UnitText({ unit }: { unit: string }) {
  const { known, language } = useWords();
  return <span className="unit muted">{known(`unit.${unit}`, unitName(unit, language))}</span>;
}

const units = ["stick", "pack", "carton", "master_carton", "case", "wan_case", "bottle", "piece"];

interface UnitProps {
  field: FormField;
  unit: { value: string; entry: string | undefined };
  canEdit: boolean;
  onEntry: (name: string, text: string) => void;
}

/** The unit in which a quantity was received; none: base units of the product. */
function UnitEntry({ field, unit, canEdit, onEntry }: UnitProps) {
  const { t, language } = useWords();
  const names = useNames();
  const text = unit.entry ?? unit.value;
  if (!canEdit) return <span className="unit muted">{unitName(text, language)}</span>;
  const choices = text && !units.includes(text) ? [text, ...units] : units;
  return (
    <select
      className="unit"
      value={text}
      aria-label={t("form.unitOf", { field: names.field(field.name) })}
      onChange={(event) => onEntry(unitEntry(field.name), event.target.value)}
      data-testid="unit-entry"
    >
      <option value="">{t("unit.base")}</option>
      {choices.map((choice) => (
        <option key={choice} value={choice}>
          {unitName(choice, language)}
        </option>
      ))}
    </select>
  );
}
