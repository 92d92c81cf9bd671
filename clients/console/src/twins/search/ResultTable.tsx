import type { KeyboardEvent } from "react";

import type { WholeTwin } from "../../api/twinTypes";
import { useWords } from "../../i18n/language";
import { ago, moment } from "../../shared/format";
import { twinAddress } from "../../shell/route";
import { directionOf, nextSort, sortField, type ResultColumn } from "../columns";
import { shortId, targetsByName, titleOf } from "../naming";
import { useModels } from "../useModels";
import { unitText, valueText } from "../values";

interface Props {
  items: readonly WholeTwin[];
  columns: readonly ResultColumn[];
  /** Shown where the twins are of several types. */
  hasModel: boolean;
  sort: string;
  now: number;
  onSort: (sort: string) => void;
}

export function ResultTable({ items, columns, hasModel, sort, now, onSort }: Props) {
  const { t } = useWords();
  const { names } = useModels();
  const head = { sort, onSort };
  return (
    <div className="table-frame results" onKeyDown={walkRows}>
      <table className="wide" data-testid="results">
        <thead>
          <tr>
            <Head title={t("twins.twin")} field="id" {...head} />
            {hasModel && <Head title={t("twins.model")} field="model" {...head} />}
            {columns.map((column) => (
              <Head
                key={`${column.of}/${column.name}`}
                title={column.of === "property" ? names.property(column.name, column.property) : names.relation(column.name, items[0]?.model)}
                unit={column.of === "property" ? unitText(column.property?.unit ?? "") : ""}
                field={sortField(column)}
                isNumber={isNumber(column)}
                {...head}
              />
            ))}
            <Head title={t("twins.source")} field="source" {...head} />
            <Head title={t("twins.changed")} field="changed_at" {...head} />
          </tr>
        </thead>
        <tbody>
          {items.map((twin) => (
            <Row key={twin.id} twin={twin} columns={columns} hasModel={hasModel} now={now} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

const isNumber = (column: ResultColumn): boolean =>
  column.of === "property" && (column.property?.kind === "whole" || column.property?.kind === "decimal" || column.property?.isSpeltNumber === true);

interface HeadProps {
  title: string;
  field: string | null;
  unit?: string;
  isNumber?: boolean;
  sort: string;
  onSort: (sort: string) => void;
}

function Head({ title, field, unit, isNumber: isRight = false, sort, onSort }: HeadProps) {
  const { t } = useWords();
  const text = unit ? `${title} (${unit})` : title;
  const direction = field ? directionOf(sort, field) : "none";
  return (
    <th scope="col" className={isRight ? "number" : ""} aria-sort={direction}>
      {field ? (
        <button type="button" className="sorter" onClick={() => onSort(nextSort(sort, field))} title={t("twins.sort", { field })} data-testid="sort" data-field={field}>
          {text}
          <span aria-hidden="true" className="arrow">
            {direction === "ascending" ? "▲" : direction === "descending" ? "▼" : ""}
          </span>
        </button>
      ) : (
        text
      )}
    </th>
  );
}

interface RowProps {
  twin: WholeTwin;
  columns: readonly ResultColumn[];
  hasModel: boolean;
  now: number;
}

function Row({ twin, columns, hasModel, now }: RowProps) {
  const { t, language } = useWords();
  const { names } = useModels();
  const title = titleOf(twin, language);
  return (
    <tr data-testid="result" data-id={twin.id}>
      <th scope="row">
        <a href={twinAddress(twin.id)} className="twin-link" data-testid="open-twin">
          <span className="strong">{title || shortId(twin.id)}</span>
          <span className="code">{twin.id}</span>
        </a>
      </th>
      {hasModel && (
        <td data-label={t("twins.model")}>
          <span className={`model-tag model-${twin.model}`}>{names.model(twin.model)}</span>
        </td>
      )}
      {columns.map((column) => (
        <Cell key={`${column.of}/${column.name}`} twin={twin} column={column} />
      ))}
      <td data-label={t("twins.source")} className="source-name">
        {twin.source}
      </td>
      <td data-label={t("twins.changed")} className="when" title={moment(twin.changed_at, language)}>
        {ago(twin.changed_at, now, language)}
      </td>
    </tr>
  );
}

const mostTargets = 3;

function Cell({ twin, column }: { twin: WholeTwin; column: ResultColumn }) {
  const words = useWords();
  const { names } = useModels();
  if (column.of === "relation") {
    const targets = targetsByName(twin.relations).get(column.name) ?? [];
    return (
      <td data-label={names.relation(column.name, twin.model)} className={targets.length > 0 ? "targets" : "targets none"}>
        {targets.slice(0, mostTargets).map((target) => (
          <a key={target} href={twinAddress(target)}>
            {shortId(target)}
          </a>
        ))}
        {targets.length > mostTargets && <span className="muted">+{targets.length - mostTargets}</span>}
      </td>
    );
  }
  const value = twin.properties[column.name];
  const text = valueText(value, column.property, words, names);
  return (
    <td data-label={names.property(column.name, column.property)} className={`${isNumber(column) ? "number" : "value"} ${value === undefined ? "none" : ""}`} title={text.length > 40 ? text : undefined}>
      {value === undefined ? <span className="faint">–</span> : text}
    </td>
  );
}

/** Arrows walk from twin to twin; Enter opens the one that has the focus, as with any link. */
function walkRows(event: KeyboardEvent<HTMLElement>): void {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const links = [...event.currentTarget.querySelectorAll<HTMLElement>(".twin-link")];
  const at = links.indexOf(document.activeElement as HTMLElement);
  if (at < 0) return;
  event.preventDefault();
  links[at + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
}
