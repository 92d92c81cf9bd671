import type { Connection } from "../../api/dataTypes";
import { useWords } from "../../i18n/language";
import { ago, count, moment } from "../../shared/format";
import { RunNow } from "./RunNow";

/** What fetches or hears a source, and how that goes. */
export function Connections({ connections, now }: { connections: Connection[]; now: number }) {
  const { t, known, language } = useWords();
  return (
    <table className="wide connections" data-testid="connections">
      <thead>
        <tr>
          <th scope="col">{t("connection.name")}</th>
          <th scope="col">{t("connection.state")}</th>
          <th scope="col">{t("connection.success")}</th>
          <th scope="col" className="number">
            {t("connection.records")}
          </th>
          <th scope="col">{t("connection.checkpoint")}</th>
          <th scope="col">{t("connection.error")}</th>
        </tr>
      </thead>
      <tbody>
        {connections.map((each) => (
          <tr key={each.name} data-testid="connection-row" data-name={each.name} data-state={each.state}>
            <th scope="row">
              <span className="strong">{each.name}</span>
              <span className="fine muted">{known(`connection.${each.type}`, each.type)}</span>
            </th>
            <td data-label={t("connection.state")}>
              <span className={`badge connection-${each.state}`}>{known(`connection.${each.state}`, each.state)}</span>
              <RunNow connection={each} />
            </td>
            <td data-label={t("connection.success")} title={each.last_success_at ? moment(each.last_success_at, language) : ""}>
              {each.last_success_at ? ago(each.last_success_at, now, language) : <span className="muted">–</span>}
            </td>
            <td className="number" data-label={t("connection.records")}>
              {count(each.records, language)}
            </td>
            <td className="checkpoint" data-label={t("connection.checkpoint")}>
              {each.checkpoint ? <code title={each.checkpoint}>{each.checkpoint}</code> : <span className="muted">–</span>}
            </td>
            <td className="last-error" data-label={t("connection.error")}>
              {each.last_error ? <span className="bad-text">{each.last_error}</span> : <span className="muted">–</span>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
