import { useState } from "react";

import type { Fusion, FusionInput } from "../../api/twinTypes";
import { useWords, type Words } from "../../i18n/language";
import { aligned, ago, moment, percent, shortly } from "../../shared/format";
import type { Property } from "../models";
import { RuleEditor } from "../rules/RuleEditor";
import { useModels } from "../useModels";
import { unitText, valueText } from "../values";

interface Props {
  model: string;
  fusion: Fusion;
  property: Property | undefined;
  now: number;
  /** None: the reader may not set rules, or looks at the past. */
  onRule: (() => void) | null;
}

/** How a value came about: the rule, what each source says and what that counts for, and whether they agree. */
export function FusionPanel({ model, fusion, property, now, onRule }: Props) {
  const words = useWords();
  const { names } = useModels();
  const [isEdited, setEdited] = useState(false);
  const unit = unitText(fusion.unit || (property?.unit ?? ""));
  return (
    <div className="fusion" data-testid="fusion" data-conflict={String(fusion.conflict)}>
      <Facts fusion={fusion} unit={unit} />
      <ul>
        {fusion.inputs.map((input) => (
          <Input key={input.source} input={input} text={valueText(input.value, property, words, names)} unit={unit} now={now} />
        ))}
      </ul>
      {onRule && !isEdited && (
        <button type="button" className="button small quiet rule-open" onClick={() => setEdited(true)} data-testid="rule-open">
          {words.t("rules.open")}
        </button>
      )}
      {onRule && isEdited && (
        <RuleEditor model={model} name={fusion.property} property={property} rule={fusion.rule} sources={fusion.inputs.map(({ source }) => source)} onWritten={onRule} onClose={() => setEdited(false)} />
      )}
    </div>
  );
}

function Facts({ fusion, unit }: { fusion: Fusion; unit: string }) {
  const words = useWords();
  const { t } = words;
  const { spread, conflict, chi_square: chi, p_value: p, standard_error: error } = fusion;
  return (
    <dl className="fusion-facts">
      <div title={ruleText(fusion, words)}>
        <dt>{t("twins.fusion.method")}</dt>
        <dd data-testid="fusion-method">
          {methodText(fusion, words)} {fusion.rule.version > 0 && <span className="muted">{t("twins.fusion.setBy", { by: fusion.rule.set_by })}</span>}{" "}
          {fusion.rule.version > 0 && !fusion.rule.applied_at && <span className="warn-text">{t("twins.fusion.pending")}</span>}
        </dd>
      </div>
      {spread && (
        <div>
          <dt>{t("twins.fusion.spread")}</dt>
          <dd data-testid="fusion-spread">
            {numberText(spread.least, words)} – {numberText(spread.most, words)} {unit}{" "}
            <span className="muted">{t("twins.fusion.deviation", { value: numberText(spread.deviation, words) })}</span>
          </dd>
        </div>
      )}
      {error !== null && (
        <div>
          <dt>{t("twins.fusion.error")}</dt>
          <dd>
            ± {numberText(error, words)} {unit}
          </dd>
        </div>
      )}
      {chi !== null && p !== null && (
        <div>
          <dt>{t("twins.fusion.test")}</dt>
          <dd>{t("twins.fusion.p", { chi: numberText(chi, words), p: p < 0.0001 ? "< 0.0001" : `= ${numberText(p, words)}` })}</dd>
        </div>
      )}
      {conflict !== null && fusion.inputs.length > 1 && (
        <div>
          <dd className={conflict ? "bad-text" : "good-text"}>{conflict ? `⚠ ${t("twins.fusion.conflict")}` : `✓ ${t("twins.fusion.agree")}`}</dd>
        </div>
      )}
    </dl>
  );
}

interface InputProps {
  input: FusionInput;
  text: string;
  unit: string;
  now: number;
}

function Input({ input, text, unit, now }: InputProps) {
  const words = useWords();
  const { t, known, language } = words;
  const exact = t("twins.times", { at: moment(input.at, language), known: moment(input.known_at, language) });
  return (
    <li className={input.unused ? "unused" : ""} data-testid="fusion-input" data-source={input.source} data-weight={input.weight}>
      <span className="source-name">{input.source}</span>
      <b>
        {text} {unit}
      </b>
      <span className="weight" role="img" aria-label={`${t("twins.fusion.weight")} ${percent(input.weight, language)}`}>
        <span style={{ width: `${Math.min(1, Math.max(0, input.weight)) * 100}%` }} />
      </span>
      <span className="share">{input.unused ? known(`twins.fusion.unused.${input.unused}`, input.unused) : percent(input.weight, language)}</span>
      <span className="fine muted">
        <time dateTime={input.at} title={exact}>
          {ago(input.at, now, language)}
        </time>
        {input.quality !== 1 && ` · ${t("twins.fusion.quality")} ${aligned(input.quality, language)}`}
        {input.reliability !== 1 && ` · ${t("twins.fusion.reliability")} ${aligned(input.reliability, language)}`}
        {input.variance !== null && ` · ${t("twins.fusion.variance")} ${numberText(input.variance, words)}`}
      </span>
    </li>
  );
}

function methodText({ rule }: Fusion, { t, known }: Words): string {
  const method = String(rule.rule?.["method"] ?? "latest");
  return rule.version === 0 ? t("twins.fusion.default") : known(`twins.fusion.${method}`, method);
}

function ruleText({ rule }: Fusion, { language }: Words): string {
  return Object.entries(rule.rule ?? {})
    .map(([name, value]) => `${name}: ${shortly(value, language)}`)
    .join("\n");
}

/** Four digits that count: a spread is no price. */
function numberText(value: number, { language }: Pick<Words, "language">): string {
  return value.toLocaleString(language === "zh" ? "zh-CN" : "en-GB", { maximumSignificantDigits: 4 });
}
