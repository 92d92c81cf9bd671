import { useEffect, useRef, useState, type FormEvent } from "react";

import { useWords } from "../../i18n/language";
import { entryText, parsed } from "../entry";
import type { Property } from "../models";
import { useModels } from "../useModels";
import { unitText } from "../values";
import type { StateRow } from "./rows";

interface Props {
  row: StateRow;
  facet: "properties" | "desired";
  isBusy: boolean;
  onWrite: (value: unknown) => void;
  onCancel: () => void;
}

/** One value, entered as its type asks for; Enter writes, Escape gives up. */
export function EditForm({ row, facet, isBusy, onWrite, onCancel }: Props) {
  const { t } = useWords();
  const { names } = useModels();
  const { property } = row;
  const [text, setText] = useState(() => entryText(facet === "desired" ? row.desired?.value : row.value, property));
  const result = parsed(text, property);
  const fault = "fault" in result ? result.fault : null;
  const label = t(facet === "desired" ? "twins.desire.of" : "twins.edit.of", { name: names.property(row.name, property) });
  function submit(event: FormEvent) {
    event.preventDefault();
    if ("value" in result) onWrite(result.value);
  }
  return (
    <form className="edit-form" onSubmit={submit} onKeyDown={(event) => event.key === "Escape" && onCancel()} data-testid="edit-form">
      {facet === "desired" && <span className="desired">{t("twins.desired")}</span>}
      <span className="entry">
        <Entry property={property} text={text} label={label} isInvalid={fault !== null} onText={setText} />
        {property?.unit && <span className="unit muted">{unitText(property.unit)}</span>}
      </span>
      <span className="buttons">
        <button type="submit" className="button small primary" disabled={isBusy || fault !== null} data-testid="edit-save">
          {text.trim() === "" ? t("twins.edit.remove") : t("twins.edit.save")}
        </button>
        <button type="button" className="button small" onClick={onCancel} data-testid="edit-cancel">
          {t("recommendations.cancel")}
        </button>
      </span>
      {fault && (
        <p className="fine bad-text" role="alert">
          {t(`twins.fault.${fault}`)}
        </p>
      )}
    </form>
  );
}

interface EntryProps {
  property: Property | undefined;
  text: string;
  label: string;
  isInvalid: boolean;
  onText: (text: string) => void;
}

const hints: Record<string, string> = { date: "2026-01-31", dateTime: "2026-01-31T08:30:00+08:00" };

function Entry({ property, text, label, isInvalid, onText }: EntryProps) {
  const { t } = useWords();
  const { names } = useModels();
  const element = useRef<HTMLInputElement & HTMLSelectElement>(null);
  useEffect(() => element.current?.focus(), []);
  const common = { ref: element, value: text, "aria-label": label, "aria-invalid": isInvalid, "data-testid": "edit-entry" };
  if (property?.kind === "flag" || property?.kind === "choice") {
    const choices = property.kind === "flag" ? [["true", t("twins.yes")], ["false", t("twins.no")]] : property.choices.map((each) => [String(each.value), names.choice(each, String(each.value))]);
    const isKnown = text === "" || choices.some(([value]) => value === text);
    return (
      <select {...common} onChange={(event) => onText(event.target.value)}>
        <option value="">–</option>
        {!isKnown && <option value={text}>{text}</option>}
        {choices.map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    );
  }
  return (
    <input
      {...common}
      placeholder={hints[property?.kind ?? ""]}
      inputMode={property?.kind === "whole" || property?.kind === "decimal" || property?.isSpeltNumber ? "decimal" : "text"}
      spellCheck={false}
      autoComplete="off"
      onChange={(event) => onText(event.target.value)}
    />
  );
}
