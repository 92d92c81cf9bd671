import type { QualityBalance, QualityItem } from "../../api/types";
import { useWords } from "../../i18n/language";
import { count, percent } from "../../shared/format";
import { useNames } from "../names";
import { fates, shares, unaccounted } from "./balance";

export function Totals({ totals }: { totals: QualityBalance }) {
  const { t, language } = useWords();
  return (
    <section className="totals" data-testid="quality-totals">
      <dl className="figures">
        {(["received", ...fates] as const).map((name) => (
          <div key={name}>
            <dt>
              {name !== "received" && <span className={`swatch fate-${name}`} aria-hidden="true" />}
              {t(`quality.${name}`)}
            </dt>
            <dd data-testid={`total-${name}`}>{count(totals[name], language)}</dd>
          </div>
        ))}
        <div>
          <dt>{t("quality.balance")}</dt>
          <dd>
            <BalanceMark balance={totals} />
          </dd>
        </div>
      </dl>
      <Bar balance={totals} />
    </section>
  );
}

export function BalanceTable({ items }: { items: QualityItem[] }) {
  const { t } = useWords();
  const names = useNames();
  return (
    <div className="table-frame">
      <table className="wide quality" data-testid="quality-table">
        <thead>
          <tr>
            <th scope="col">{t("quality.source")}</th>
            <th scope="col">{t("quality.kind")}</th>
            <th scope="col" className="bar-column">
              {t("quality.share")}
            </th>
            <CountHeads />
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <tr key={`${item.source}/${item.kind}`} data-testid="quality-row">
              <th scope="row">{item.source}</th>
              <td>
                {names.kind(item.kind)} <span className="code">{item.kind}</span>
              </td>
              <td className="bar-column">
                <Bar balance={item} />
              </td>
              <CountCells balance={item} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function CountHeads() {
  const { t } = useWords();
  return (
    <>
      {(["received", ...fates] as const).map((name) => (
        <th key={name} scope="col" className="number">
          {t(`quality.${name}`)}
        </th>
      ))}
      <th scope="col">{t("quality.balance")}</th>
    </>
  );
}

export function CountCells({ balance }: { balance: QualityBalance }) {
  const { t, language } = useWords();
  return (
    <>
      {(["received", ...fates] as const).map((name) => (
        <td key={name} className={`number ${balance[name] === 0 ? "zero" : ""}`} data-label={t(`quality.${name}`)}>
          {count(balance[name], language)}
        </td>
      ))}
      <td data-label={t("quality.balance")}>
        <BalanceMark balance={balance} />
      </td>
    </>
  );
}

/** One bar of all records received; fates too small to see still get a pixel or two. */
function Bar({ balance }: { balance: QualityBalance }) {
  const { t, language } = useWords();
  const parts = shares(balance).filter((part) => part.share > 0);
  const label = parts.map((part) => `${t(`quality.${part.fate}`)} ${percent(part.share, language)}`).join(", ");
  return (
    <span className="bar" role="img" aria-label={label} title={label}>
      {parts.map((part) => (
        <span key={part.fate} className={`fate-${part.fate}`} style={{ flexGrow: part.share }} />
      ))}
    </span>
  );
}

function BalanceMark({ balance }: { balance: QualityBalance }) {
  const { t, language } = useWords();
  const missing = unaccounted(balance);
  if (missing === 0) return <span className="good-text">✓ {t("quality.balanced")}</span>;
  return <span className="bad-text">{t("quality.off", { count: count(missing, language) })}</span>;
}
