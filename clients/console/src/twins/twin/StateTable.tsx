import { useState } from "react";

import type { Reading, Readings } from "../../api/types";
import type { TwinChange } from "../../api/twinTypes";
import { useWords } from "../../i18n/language";
import { ago, moment } from "../../shared/format";
import { useModels } from "../useModels";
import { unitText, valueText } from "../values";
import { EditForm } from "./EditForm";
import { FusionPanel } from "./FusionPanel";
import { originOf, type StateRow } from "./rows";
import { Sparkline } from "./Sparkline";
import type { Write } from "./useWriting";

export interface Editing {
  facet: Write["facet"];
  name: string;
}

interface Props {
  /** Name of the type. */
  model: string;
  rows: { set: StateRow[]; unset: StateRow[] };
  changes: readonly TwinChange[];
  /** What is measured this moment. */
  readings: Readings;
  now: number;
  /** Told when another rule holds for a property. */
  onRule: () => void;
  /** None: the state is of the past, or the reader may not write. */
  edit: { editing: Editing | null; isBusy: boolean; onEdit: (editing: Editing | null) => void; onWrite: (write: Write) => void } | null;
}

/** Each property: what it is, its value, how it came, who said so and when it was true. */
export function StateTable({ rows, ...given }: Props) {
  const { t } = useWords();
  const { edit } = given;
  const [isAll, setAll] = useState(false);
  const shown = isAll ? [...rows.set, ...rows.unset] : rows.set;
  return (
    <>
      <table className="wide state-table" data-testid="state">
        <thead>
          <tr>
            <th scope="col">{t("twins.property")}</th>
            <th scope="col">{t("twins.value")}</th>
            <th scope="col">
              <span className="visually-hidden">{t("twins.trend")}</span>
            </th>
            <th scope="col">{t("twins.source")}</th>
            <th scope="col">{t("twins.age")}</th>
            {edit && (
              <th scope="col">
                <span className="visually-hidden">{t("twins.edit")}</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <Row key={row.name} row={row} {...given} />
          ))}
        </tbody>
      </table>
      {rows.unset.length > 0 && (
        <button type="button" className="button quiet small more" onClick={() => setAll(!isAll)} aria-expanded={isAll} data-testid="show-unset">
          {isAll ? t("twins.unset.hide") : t("twins.unset", { count: rows.unset.length })}
        </button>
      )}
    </>
  );
}

type RowProps = Omit<Props, "rows"> & { row: StateRow };

function Row({ row, model, changes, readings, now, onRule, edit }: RowProps) {
  const { t } = useWords();
  const { names } = useModels();
  const { name, property, difference } = row;
  const label = names.property(name, property);
  const told = property ? names.description(property) : t("twins.unknownProperty");
  const isEdited = edit?.editing?.name === name;
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <tr
        className={difference ? `differs ${difference.kind}` : ""}
        data-testid="state-row"
        data-name={name}
        data-differs={difference?.kind ?? ""}
      >
        <th scope="row">
          <span className="strong">{label}</span> <span className="code">{name}</span>
          {told && told !== label && <span className="fine muted told-of">{told}</span>}
        </th>
        <td data-label={t("twins.value")} className="state-value">
          {isEdited && edit ? (
            <EditForm
              row={row}
              facet={edit.editing!.facet}
              isBusy={edit.isBusy}
              onWrite={(value) => edit.onWrite({ facet: edit.editing!.facet, name, value })}
              onCancel={() => edit.onEdit(null)}
            />
          ) : (
            <>
              <Value row={row} />
              <Measured row={row} reading={readings[name]} />
            </>
          )}
        </td>
        <td className="trend">
          <Sparkline name={name} property={property} changes={changes} />
        </td>
        <Origin row={row} label={label} now={now} isOpen={isOpen} onOpen={setOpen} />
        {edit && (
          <td className="row-edit">
            {!isEdited && <EditButtons row={row} label={label} onEdit={edit.onEdit} />}
          </td>
        )}
      </tr>
      {isOpen && row.fusion && (
        <tr className="fusion-row">
          <td colSpan={edit ? 6 : 5}>
            <FusionPanel model={model} fusion={row.fusion} property={property} now={now} onRule={edit && onRule} />
          </td>
        </tr>
      )}
    </>
  );
}

function Value({ row }: { row: StateRow }) {
  const words = useWords();
  const { names } = useModels();
  const { property, difference, desired } = row;
  const text = (value: unknown) => valueText(value, property, words, names);
  const unit = property?.unit ? unitText(property.unit) : "";
  const isFigure = typeof row.value === "number" || property?.isSpeltNumber === true;
  return (
    <>
      <span className={`current ${isFigure ? "figure" : ""}`} title={typeof row.value === "number" ? String(row.value) : undefined} data-testid="value">
        {row.isThere ? text(row.value) : <span className="faint">{words.t("twins.notSet")}</span>}
        {row.isThere && unit && <span className="unit muted"> {unit}</span>}
      </span>
      {row.fusion?.conflict && (
        <span className="badge conflict" data-testid="conflict-mark">
          ⚠ {words.t("twins.fusion.conflict")}
        </span>
      )}
      {desired && !desired.isMet && (
        <span className="desired" data-testid="desired">
          {words.t("twins.desired")} <b>{text(desired.value)}</b>
        </span>
      )}
      {desired?.isMet && (
        <span className="desired met" data-testid="desired">
          ✓ {words.t("twins.desired.met")}
        </span>
      )}
      {difference && (
        <span className="since" data-testid="difference">
          {difference.kind === "removed" ? words.t("twins.since.removed") : words.t("twins.since.now")}{" "}
          {difference.kind !== "removed" && <b>{text(difference.after)}</b>}
        </span>
      )}
    </>
  );
}

/** A value that was measured after the one that the state has. */
function Measured({ row, reading }: { row: StateRow; reading: Reading | undefined }) {
  const words = useWords();
  const { names } = useModels();
  const known = row.isThere ? originOf(row)?.changedAt : undefined;
  if (!reading || (known && Date.parse(reading.at) <= Date.parse(known))) return null;
  const unit = row.property?.unit ? ` ${unitText(row.property.unit)}` : "";
  const told = words.t("twins.reading.told", { at: moment(reading.at, words.language), source: reading.source });
  return (
    <span className="reading" title={told} data-testid="reading">
      {words.t("twins.reading")} <b>{valueText(reading.value, row.property, words, names)}</b>
      {unit}
    </span>
  );
}

interface OriginProps {
  row: StateRow;
  label: string;
  now: number;
  isOpen: boolean;
  onOpen: (isOpen: boolean) => void;
}

/** Who told it and how old that is; opens what every source says of it. */
function Origin({ row, label, now, isOpen, onOpen }: OriginProps) {
  const { t, language } = useWords();
  const origin = row.isThere ? originOf(row) : null;
  if (!origin)
    return (
      <>
        <td data-label={t("twins.source")} className="faint">
          –
        </td>
        <td data-label={t("twins.age")} className="faint">
          –
        </td>
      </>
    );
  const exact = t("twins.times", { at: moment(origin.changedAt, language), known: moment(origin.knownAt, language) });
  const told = origin.sources > 1 ? t("twins.fusion.sources", { count: origin.sources }) : origin.source;
  return (
    <>
      <td data-label={t("twins.source")} className="source-name" data-testid="value-source">
        {row.fusion ? (
          <button
            type="button"
            className="source-open"
            aria-expanded={isOpen}
            aria-label={`${told}. ${t("twins.fusion.open", { name: label })}`}
            onClick={() => onOpen(!isOpen)}
            data-testid="fusion-open"
          >
            {told}
          </button>
        ) : (
          told
        )}
      </td>
      <td data-label={t("twins.age")} title={exact} className="when" data-testid="value-age">
        <time dateTime={origin.changedAt}>{ago(origin.changedAt, now, language)}</time>
      </td>
    </>
  );
}

function EditButtons({ row, label, onEdit }: { row: StateRow; label: string; onEdit: (editing: Editing) => void }) {
  const { t } = useWords();
  return (
    <span className="buttons">
      <button
        type="button"
        className="button small quiet"
        onClick={() => onEdit({ facet: "properties", name: row.name })}
        aria-label={t("twins.edit.of", { name: label })}
        title={t("twins.edit.of", { name: label })}
        data-testid="edit"
      >
        ✎
      </button>
      {isWishable(row) && (
        <button
          type="button"
          className="button small quiet"
          onClick={() => onEdit({ facet: "desired", name: row.name })}
          aria-label={t("twins.desire.of", { name: label })}
          title={t("twins.desire.of", { name: label })}
          data-testid="edit-desired"
        >
          {t("twins.desired")}
        </button>
      )}
    </span>
  );
}

/** Only what is writable in the type may be wished otherwise. */
function isWishable({ property, desired }: StateRow): boolean {
  return desired !== null || property?.isWritable === true;
}
