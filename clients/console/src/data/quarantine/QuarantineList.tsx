import type { QuarantineFilter, QuarantineItem } from "../../api/dataTypes";
import { useWords } from "../../i18n/language";
import { moment } from "../../shared/format";
import { dataAddress } from "../../shell/route";
import { useNames } from "../names";
import { briefly } from "./mending";

interface Props {
  items: QuarantineItem[];
  filter: QuarantineFilter;
  opened: string | null;
  /** Null where nothing may be chosen. */
  chosen: ReadonlySet<string> | null;
  onChosen: (chosen: ReadonlySet<string>) => void;
}

export function QuarantineList({ items, filter, opened, chosen, onChosen }: Props) {
  const { t } = useWords();
  const isAll = chosen !== null && items.every((item) => chosen.has(item.id));
  function toggle(id: string) {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    onChosen(next);
  }
  return (
    <div className="table-frame">
      <table className="wide quarantine" data-testid="quarantine-table">
        <thead>
          <tr>
            {chosen && (
              <th scope="col" className="tick">
                <input
                  type="checkbox"
                  checked={isAll}
                  onChange={() => onChosen(new Set(isAll ? [] : items.map((item) => item.id)))}
                  aria-label={t("quarantine.selectAll")}
                  data-testid="select-all"
                />
              </th>
            )}
            <th scope="col">{t("quarantine.record")}</th>
            <th scope="col">{t("quarantine.why")}</th>
            <th scope="col">{t("quarantine.since")}</th>
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <Row
              key={item.id}
              item={item}
              address={dataAddress("quarantine", { ...filter, id: item.id })}
              isOpen={item.id === opened}
              isChosen={chosen?.has(item.id) ?? null}
              onToggle={() => toggle(item.id)}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  item: QuarantineItem;
  address: string;
  isOpen: boolean;
  isChosen: boolean | null;
  onToggle: () => void;
}

function Row({ item, address, isOpen, isChosen, onToggle }: RowProps) {
  const { t, language } = useWords();
  const names = useNames();
  const [first, ...others] = item.reasons;
  return (
    <tr className={isOpen ? "selected" : ""} data-testid="quarantine-row" data-id={item.id} data-state={item.state}>
      {isChosen !== null && (
        <td className="tick">
          <input
            type="checkbox"
            checked={isChosen}
            onChange={onToggle}
            aria-label={t("quarantine.select", { record: briefly(item) })}
            data-testid="select"
          />
        </td>
      )}
      <th scope="row">
        <a href={address} aria-current={isOpen ? "true" : undefined} className="open-item" data-testid="open-item">
          <span className="strong">{briefly(item)}</span>
        </a>
        <span className="fine muted">
          {names.kind(item.kind)} · {item.source}
        </span>
      </th>
      <td>
        {first && (
          <>
            <code className="rule-id">{first.rule}</code> {names.message(first.message)}
          </>
        )}
        {others.length > 0 && <span className="muted fine"> +{others.length}</span>}
      </td>
      <td className="fine muted since">
        <time dateTime={item.quarantined_at}>{moment(item.quarantined_at, language)}</time>
        {item.state !== "open" && <span className={`badge quarantine-${item.state}`}>{t(`quarantine.${item.state as "mended"}`)}</span>}
      </td>
    </tr>
  );
}
