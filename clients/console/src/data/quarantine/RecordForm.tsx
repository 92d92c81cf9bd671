import { useState, type FormEvent } from "react";

import type { QuarantineItem, RuleReason } from "../../api/dataTypes";
import { useWords } from "../../i18n/language";
import { FieldRow } from "./FieldRow";
import { changedSince, entryText, unitEntry, unitsOf, type Entries, type FormField } from "./mending";

interface Props {
  fields: FormField[];
  item: QuarantineItem;
  reasons: Map<string, RuleReason[]>;
  entries: Entries;
  isEditable: boolean;
  onEntry: (name: string, text: string) => void;
  onSave: () => void;
}

/** The record as a form by the schema of its kind; fields that are empty and may be are folded away. */
export function RecordForm({ fields, item, reasons, entries, isEditable, onEntry, onSave }: Props) {
  const { t } = useWords();
  const [isAll, setAll] = useState(false);
  const isFilled = ({ name }: FormField) => entryText(item.record[name]) !== "" || entries[name] !== undefined;
  const shown = fields.filter((field) => {
    if (reasons.has(field.name) || isFilled(field)) return true;
    return !field.isReadOnly && (isAll || field.isRequired || field.isKey);
  });
  const folded = fields.filter((field) => !field.isReadOnly).length - shown.filter((field) => !field.isReadOnly).length;
  const changes = changedSince(item);
  const units = unitsOf(item.record);
  function submit(event: FormEvent) {
    event.preventDefault();
    if (isEditable) onSave();
  }
  return (
    <form className="record-form" onSubmit={submit} data-testid="record-form">
      {shown.map((field) => (
        <FieldRow
          key={field.name}
          field={field}
          value={entryText(item.record[field.name])}
          entry={entries[field.name]}
          cameAs={changes.has(field.name) ? entryText(changes.get(field.name)) : null}
          unit={{ value: units[field.name] ?? "", entry: entries[unitEntry(field.name)] }}
          reasons={reasons.get(field.name) ?? []}
          isEditable={isEditable}
          onEntry={onEntry}
        />
      ))}
      {(folded > 0 || isAll) && (
        <button type="button" className="button small more" onClick={() => setAll(!isAll)} aria-expanded={isAll} data-testid="all-fields">
          {isAll ? t("form.fewer") : t("form.all", { count: folded })}
        </button>
      )}
      <button type="submit" hidden disabled={!isEditable} />
    </form>
  );
}
