import { useId, useState, type FormEvent } from "react";

import type { FusionRule } from "../../api/twinTypes";
import { chineseOfFault } from "../../i18n/chineseFaults";
import { useWords } from "../../i18n/language";
import { duration } from "../../shared/format";
import { ProblemLine } from "../../shared/States";
import type { Property } from "../models";
import { useModels } from "../useModels";
import { draftOf, faultsByField, methodsOf, outcomeOf, ruleOf, sourcePointer, spans, type Method, type RuleDraft, type SpanDraft, type SpanUnit } from "./drafting";
import { SourceTable } from "./SourceTable";
import { useRuleWriting } from "./useRuleWriting";

interface Props {
  model: string;
  name: string;
  property: Property | undefined;
  /** The rule that holds; none, or of version 0: nobody set one. */
  rule: FusionRule | null;
  /** Sources that are known to tell this property. */
  sources: readonly string[];
  /** Told when a rule was set or taken back, here or by somebody else. */
  onWritten: () => void;
  onClose: () => void;
}

/** How the values of several sources become one: chosen here, with what it means said in words before it is saved. */
export function RuleEditor({ model, name, property, rule, sources, onWritten, onClose }: Props) {
  const { t, language } = useWords();
  const { names } = useModels();
  const held = rule && rule.version > 0 ? rule : null;
  const [draft, setDraft] = useState(() => draftOf(held?.rule, sources));
  const writing = useRuleWriting(model, name, onWritten);
  const { at, rest } = faultsByField(writing.problem?.details.errors, pointersOf(draft), language === "zh" ? chineseOfFault : undefined);
  const set = (changes: Partial<RuleDraft>) => setDraft((before) => ({ ...before, ...changes }));
  function submit(event: FormEvent) {
    event.preventDefault();
    void writing.write(ruleOf(draft), held);
  }
  async function reset() {
    if (await writing.write(null, held)) setDraft(draftOf(null, sources));
  }
  async function undo() {
    const before = writing.done?.before?.rule;
    if (await writing.undo()) setDraft(draftOf(before, sources));
  }
  return (
    <form className="rule-editor" onSubmit={submit} onKeyDown={(event) => event.key === "Escape" && onClose()} aria-label={t("rules.of", { name: names.property(name, property) })} data-testid="rule-editor">
      <div className="rule-fields">
        <MethodField methods={methodsOf(property)} value={draft.method} fault={at.get("/method")} onValue={(method) => set({ method })} />
        {draft.method === "weighted" && <SpanField label={t("rules.halfLife")} field="half_life_s" value={draft.halfLife} fault={at.get("/half_life_s")} onValue={(halfLife) => set({ halfLife })} />}
        <SpanField label={t("rules.staleAfter")} field="stale_after_s" value={draft.staleAfter} fault={at.get("/stale_after_s")} onValue={(staleAfter) => set({ staleAfter })} />
        {methodsOf(property).includes("mean") && (
          <Field label={t("rules.conflictP")} fault={at.get("/conflict_p")}>
            {(given) => <input {...given} inputMode="decimal" placeholder="0.05" value={draft.conflictP} onChange={(event) => set({ conflictP: event.target.value })} data-testid="rule-conflict_p" />}
          </Field>
        )}
      </div>
      {draft.method === "priority" && (
        <Field label={t("rules.priority")} fault={at.get("/priority")}>
          {(given) => <textarea {...given} rows={Math.max(3, draft.priority.split("\n").length)} spellCheck={false} value={draft.priority} onChange={(event) => set({ priority: event.target.value })} data-testid="rule-priority" />}
        </Field>
      )}
      {methodsOf(property).includes("mean") && <SourceTable sources={draft.sources} isWeighted={draft.method === "weighted"} unit={property?.unit ?? ""} faults={at} onSources={(changed) => set({ sources: changed })} />}
      <Outcome draft={draft} />
      {writing.faster && (
        <p className="bad-text" role="alert" data-testid="rule-faster">
          {t("rules.faster", { by: writing.faster.set_by, version: writing.faster.version })}
        </p>
      )}
      {writing.problem && !writing.faster && (rest.length > 0 || at.size === 0) && <ProblemLine problem={writing.problem} />}
      {writing.done && (
        <p className="good-text" role="status" data-testid="rule-done">
          ✓ {writing.done.rule ? t("rules.done.set", { version: writing.done.rule.version }) : t("rules.done.reset")}{" "}
          <button type="button" className="button small" onClick={() => void undo()} disabled={writing.isBusy} data-testid="rule-undo">
            ↶ {t("twins.undo")}
          </button>
        </p>
      )}
      <p className="buttons">
        <button type="submit" className="button small primary" disabled={writing.isBusy} data-testid="rule-save">
          {t("rules.save")}
        </button>
        {held && (
          <button type="button" className="button small" onClick={() => void reset()} disabled={writing.isBusy} data-testid="rule-reset">
            {t("rules.reset")}
          </button>
        )}
        <button type="button" className="button small quiet" onClick={onClose} data-testid="rule-close">
          {t("detail.close")}
        </button>
      </p>
    </form>
  );
}

function pointersOf({ sources }: RuleDraft): string[] {
  const ofSources = sources.flatMap(({ name }) => [sourcePointer("reliability", name), sourcePointer("variance", name)]);
  return [...ofSources, "/method", "/half_life_s", "/stale_after_s", "/conflict_p", "/priority", "/reliability", "/variance"];
}

/** What the rule will do, in words, as it is typed. */
function Outcome({ draft }: { draft: RuleDraft }) {
  const words = useWords();
  const { t, language } = words;
  return (
    <p className="rule-outcome" aria-live="polite" data-testid="rule-outcome">
      <span className="muted">{t("rules.outcome")}</span> {outcomeOf(draft, words, (seconds) => duration(seconds, language)).join(language === "zh" ? "" : " ")}
    </p>
  );
}

interface FieldProps {
  label: string;
  fault: string | undefined;
  children: (given: { id: string; "aria-invalid": boolean; "aria-describedby": string | undefined }) => React.ReactNode;
}

/** An entry with its name above it and what is wrong with it below. */
export function Field({ label, fault, children }: FieldProps) {
  const id = useId();
  return (
    <div className="rule-field">
      <label htmlFor={id}>{label}</label>
      {children({ id, "aria-invalid": fault !== undefined, "aria-describedby": fault ? `${id}-fault` : undefined })}
      {fault && (
        <span id={`${id}-fault`} className="fine bad-text" role="alert" data-testid="rule-fault">
          {fault}
        </span>
      )}
    </div>
  );
}

interface MethodProps {
  methods: Method[];
  value: Method;
  fault: string | undefined;
  onValue: (method: Method) => void;
}

function MethodField({ methods, value, fault, onValue }: MethodProps) {
  const { t } = useWords();
  return (
    <Field label={t("twins.fusion.method")} fault={fault}>
      {(given) => (
        <select {...given} value={value} onChange={(event) => onValue(event.target.value as Method)} data-testid="rule-method">
          {methods.map((method) => (
            <option key={method} value={method}>
              {t(`twins.fusion.${method}`)}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

interface SpanProps {
  label: string;
  field: string;
  value: SpanDraft;
  fault: string | undefined;
  onValue: (span: SpanDraft) => void;
}

function SpanField({ label, field, value, fault, onValue }: SpanProps) {
  const { t } = useWords();
  return (
    <Field label={label} fault={fault}>
      {(given) => (
        <span className="span-entry">
          <input {...given} inputMode="decimal" placeholder="–" value={value.text} onChange={(event) => onValue({ ...value, text: event.target.value })} data-testid={`rule-${field}`} />
          <select value={value.unit} aria-label={`${label}: ${t("twins.unit")}`} onChange={(event) => onValue({ ...value, unit: event.target.value as SpanUnit })}>
            {(Object.keys(spans) as SpanUnit[]).map((unit) => (
              <option key={unit} value={unit}>
                {t(`rules.span.${unit}`)}
              </option>
            ))}
          </select>
        </span>
      )}
    </Field>
  );
}
