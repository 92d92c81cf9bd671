import { useCallback, useEffect, useMemo, useRef, useState } from "react";

import type { Kind, QuarantineFilter, QuarantineItem, TaggedItem } from "../../api/dataTypes";
import { useWords } from "../../i18n/language";
import { moment } from "../../shared/format";
import { Loading, ProblemCard, ProblemLine } from "../../shared/States";
import { useRemote } from "../../shared/useRemote";
import { dataAddress } from "../../shell/route";
import { useSession } from "../../signin/SessionProvider";
import { useNames } from "../names";
import { Confirmation, OutcomeNote, type Asked, type Outcome } from "./Confirmation";
import { formFields, isWaiting, patchOf, reasonsByField } from "./mending";
import { Reasons } from "./Reasons";
import { RecordForm } from "./RecordForm";
import { useItem } from "./useItem";

interface Props {
  id: string;
  filter: QuarantineFilter;
  isMender: boolean;
  onChanged: () => void;
}

/** One record that was set aside, to be looked at, mended, sent again or given up. */
export function ItemPanel({ id, filter, isMender, onChanged }: Props) {
  const { t } = useWords();
  const item = useItem(id);
  const kind = useKind(item.tagged?.item.kind);
  const heading = useRef<HTMLHeadingElement>(null);
  const isShown = item.tagged !== null && !kind.isLoading;
  useEffect(() => {
    if (!isShown) return;
    heading.current?.focus({ preventScroll: true });
    heading.current?.scrollIntoView({ block: "nearest" });
  }, [isShown]);
  return (
    <section className="item" aria-labelledby="item-title" data-testid="quarantine-item" data-state={item.tagged?.item.state}>
      <a href={dataAddress("quarantine", { ...filter })} className="button quiet close" aria-label={t("detail.close")} data-testid="item-close">
        ×
      </a>
      {item.problem && <ProblemCard problem={item.problem} onRetry={() => void item.reload()} />}
      {!item.problem && !isShown && <Loading />}
      {item.tagged && isShown && (
        <>
          <Head tagged={item.tagged} heading={heading} />
          <Content item={item} tagged={item.tagged} kind={kind.data ?? undefined} isMender={isMender} onChanged={onChanged} />
        </>
      )}
    </section>
  );
}

function useKind(name: string | undefined) {
  const { api } = useSession();
  const load = useCallback(
    async (signal: AbortSignal): Promise<Kind | null> => (name ? await api.kind(name, signal) : null),
    [api, name],
  );
  return useRemote(load);
}

function Head({ tagged: { item }, heading }: { tagged: TaggedItem; heading: React.RefObject<HTMLHeadingElement | null> }) {
  const { t, language } = useWords();
  const names = useNames();
  return (
    <header>
      <h2 id="item-title" tabIndex={-1} ref={heading}>
        {names.kind(item.kind)} <span className={`badge quarantine-${item.state}`}>{t(`quarantine.${item.state as "open"}`)}</span>
      </h2>
      <dl className="facts">
        <Fact name={t("quality.source")} value={item.source} />
        <Fact name={t("quarantine.since")} value={moment(item.quarantined_at, language)} />
        <Fact name={t("quarantine.batch")} value={`${item.batch_id} / ${item.line}`} isCode />
        <Fact name={t("quarantine.id")} value={item.id} isCode />
        {item.changed_by && (
          <Fact name={t("quarantine.changed")} value={[item.changed_by, item.changed_at && moment(item.changed_at, language)].filter(Boolean).join(", ")} />
        )}
        {item.drop_reason && <Fact name={t("drop.reason")} value={item.drop_reason} />}
      </dl>
      <p className="links">
        <a href={dataAddress("lineage", { id: item.id })} data-testid="item-lineage">
          {t("quarantine.lineage")}
        </a>
        {item.replayed_as && (
          <a href={dataAddress("lineage", { id: item.replayed_as })} data-testid="replayed-lineage">
            {t("quarantine.replayedAs")}
          </a>
        )}
      </p>
    </header>
  );
}

function Fact({ name, value, isCode = false }: { name: string; value: string; isCode?: boolean }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{isCode ? <code>{value}</code> : value}</dd>
    </div>
  );
}

interface ContentProps {
  item: ReturnType<typeof useItem>;
  tagged: TaggedItem;
  kind: Kind | undefined;
  isMender: boolean;
  onChanged: () => void;
}

function Content({ item, tagged, kind, isMender, onChanged }: ContentProps) {
  const [asked, setAsked] = useState<Asked | null>(null);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const record = tagged.item.record;
  const fields = useMemo(() => formFields(kind, record), [kind, record]);
  const reasons = useMemo(() => reasonsByField(tagged.item.reasons, fields), [tagged.item.reasons, fields]);
  const patch = patchOf(fields, record, item.entries);
  const isDirty = Object.keys(patch).length > 0;
  const isEditable = isMender && isWaiting(tagged.item);

  async function save(): Promise<boolean> {
    setOutcome(null);
    const isSaved = await item.save(patch);
    if (isSaved) onChanged();
    return isSaved;
  }
  async function replay() {
    if (isDirty && !(await save())) return;
    setAsked({ action: "replay", wanted: { ids: [tagged.item.id] }, count: 1 });
  }
  function done(result: Outcome) {
    setAsked(null);
    setOutcome(result);
    const isOnItsWay = result.action === "replay" && result.result.accepted > 0;
    void (isOnItsWay ? item.follow() : item.reload()).then(onChanged);
  }
  return (
    <>
      <Reasons reasons={tagged.item.reasons} />
      <RecordForm
        fields={fields}
        item={tagged.item}
        reasons={reasons}
        entries={item.entries}
        isEditable={isEditable}
        onEntry={item.setEntry}
        onSave={() => void save()}
      />
      {isMender && (
        <div className="item-bar">
          {outcome && <OutcomeNote outcome={outcome} onClose={() => setOutcome(null)} />}
          {item.refused && <Refused item={item} />}
          <ItemButtons
            item={tagged.item}
            isDirty={isDirty}
            isBusy={item.isBusy}
            onSave={() => void save()}
            onDiscard={item.discard}
            onReplay={() => void replay()}
            onAsk={setAsked}
          />
        </div>
      )}
      {asked && <Confirmation asked={asked} onDone={done} onCancel={() => setAsked(null)} />}
    </>
  );
}

function Refused({ item }: { item: ReturnType<typeof useItem> }) {
  const { t } = useWords();
  if (!item.refused) return null;
  if (!item.isConflict) return <ProblemLine problem={item.refused} />;
  return (
    <div className="outcome bad" role="alert" data-testid="conflict">
      <p>{t("quarantine.conflict")}</p>
      <button type="button" className="button" onClick={() => void item.reload()} data-testid="conflict-reload">
        {t("quarantine.conflict.reload")}
      </button>
    </div>
  );
}

interface BarProps {
  item: QuarantineItem;
  isDirty: boolean;
  isBusy: boolean;
  onSave: () => void;
  onDiscard: () => void;
  onReplay: () => void;
  onAsk: (asked: Asked) => void;
}

function ItemButtons({ item, isDirty, isBusy, onSave, onDiscard, onReplay, onAsk }: BarProps) {
  const { t } = useWords();
  if (item.state === "dropped")
    return (
      <div className="buttons">
        <button type="button" className="button" onClick={() => onAsk({ action: "reopen", ids: [item.id] })} data-testid="reopen">
          ↶ {t("reopen")}
        </button>
      </div>
    );
  if (!isWaiting(item)) return null;
  return (
    <div className="buttons">
      <button type="button" className="button primary" disabled={!isDirty || isBusy} onClick={onSave} data-testid="save">
        {t("quarantine.save")}
      </button>
      <button type="button" className="button accept" disabled={isBusy} onClick={onReplay} data-testid="replay">
        {isDirty ? t("quarantine.saveAndReplay") : t("replay")}
      </button>
      <button type="button" className="button reject" disabled={isBusy} onClick={() => onAsk({ action: "drop", ids: [item.id] })} data-testid="drop">
        {t("drop")}…
      </button>
      {isDirty && (
        <button type="button" className="button quiet" onClick={onDiscard} data-testid="discard">
          {t("quarantine.discard")}
        </button>
      )}
    </div>
  );
}
