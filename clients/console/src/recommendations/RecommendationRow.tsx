import { memo } from "react";

import type { Recommendation } from "../api/types";
import { useWords } from "../i18n/language";
import { aligned, amount, day, shortly, unitName } from "../shared/format";
import { Answer } from "./Answer";

interface Props {
  item: Recommendation;
  /** Whether those of several account managers are listed. */
  hasManager: boolean;
  onChanged: (item: Recommendation) => void;
}

export const RecommendationRow = memo(function RecommendationRow({ item, hasManager, onChanged }: Props) {
  const { t, known, language } = useWords();
  return (
    <tr data-testid="recommendation-row" data-id={item.id} data-state={item.state}>
      <th scope="row">
        <span className="strong">{item.retailer_name || item.retailer}</span>
        <span className="code">{item.retailer}</span>
        {hasManager && item.account_manager && <span className="code"> · {item.account_manager}</span>}
      </th>
      <td data-label={t("recommendations.product")}>
        <Suggestion item={item} />
      </td>
      <td className="number" data-label={t("recommendations.quantity")}>
        {item.quantity ? (
          <>
            {amount(item.quantity, language)} <span className="muted">{unitName(item.unit, language)}</span>
          </>
        ) : (
          <span className="muted">–</span>
        )}
      </td>
      <td data-label={t("recommendations.score")}>
        <Score score={item.score} />
      </td>
      <td className="why" data-label={t("recommendations.why")}>
        <Why item={item} />
      </td>
      <td data-label={t("recommendations.state")}>
        <span className={`badge ${item.state}`} data-testid="recommendation-state">
          {known(`state.${item.state}`, item.state)}
        </span>
        <span className="fine muted">{day(item.created_at, language)}</span>
        <span className="fine muted">{known(`state.${item.state}.why`, "")}</span>
      </td>
      <td className="answer">
        <Answer item={item} onChanged={onChanged} />
      </td>
    </tr>
  );
});

function Suggestion({ item }: { item: Recommendation }) {
  const { t, known, pick } = useWords();
  return (
    <>
      <span className="strong">{pick(item.sku_name_zh, item.sku_name_en) || item.sku || known(`mode.${item.mode}`, item.mode)}</span>
      <span className="fine muted">
        {known(`mode.${item.mode}`, item.mode)} · {t("recommendations.rank")} {item.rank} · <code>{item.sku}</code>
      </span>
    </>
  );
}

function Score({ score }: { score: number }) {
  const { language } = useWords();
  return (
    <span className="score">
      <span className="score-track" aria-hidden="true">
        <span style={{ width: `${Math.min(1, Math.max(0, score)) * 100}%` }} />
      </span>
      <span>{aligned(score, language)}</span>
    </span>
  );
}

function Why({ item }: { item: Recommendation }) {
  const { t, pick } = useWords();
  return (
    <>
      <ul className="reasons" data-testid="recommendation-reasons">
        {item.reasons.map((reason) => (
          <li key={reason.code}>{pick(reason.text_zh, reason.text_en) || reason.code}</li>
        ))}
      </ul>
      {item.limits.length > 0 && (
        <ul className="limits" data-testid="recommendation-limits">
          {item.limits.map((limit) => (
            <li key={limit.code}>
              {pick(limit.text_zh, limit.text_en) || limit.code}
              {limit.blocks && <b> · {t("recommendations.blocks")}</b>}
            </li>
          ))}
        </ul>
      )}
      <Evidence item={item} />
    </>
  );
}

/** The figures behind each reason and the model that chose them, folded away until somebody asks. */
function Evidence({ item }: { item: Recommendation }) {
  const { t, language } = useWords();
  return (
    <details className="evidence" data-testid="recommendation-evidence">
      <summary>{t("recommendations.evidence")}</summary>
      <dl className="facts">
        {item.reasons.flatMap((reason) =>
          Object.entries(reason.evidence ?? {}).map(([name, value]) => (
            <div key={`${reason.code}/${name}`}>
              <dt>
                {reason.code} · {name}
              </dt>
              <dd>{shortly(value, language)}</dd>
            </div>
          )),
        )}
        <div>
          <dt>{t("detail.model")}</dt>
          <dd>
            <code>{item.model_version}</code>
          </dd>
        </div>
      </dl>
    </details>
  );
}
