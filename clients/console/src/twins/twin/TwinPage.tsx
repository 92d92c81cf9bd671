import { useEffect, useMemo, useState } from "react";

import type { Readings } from "../../api/types";
import type { TaggedTwin, WholeTwin } from "../../api/twinTypes";
import { useWords } from "../../i18n/language";
import { useReady } from "../../shared/ready";
import { Loading, ProblemCard } from "../../shared/States";
import { useSession } from "../../signin/SessionProvider";
import { differences, knownThen, newestByProperty } from "../differences";
import { useModels } from "../useModels";
import { DifferenceList } from "./DifferenceList";
import { HistoryFile } from "./HistoryFile";
import { HistoryList } from "./HistoryList";
import { LiveTail } from "./LiveTail";
import { Relations } from "./Relations";
import { stateRows } from "./rows";
import { StateTable, type Editing } from "./StateTable";
import { TimeBar } from "./TimeBar";
import { isPresent, present, whenOf, type Moment } from "./timeline";
import { TwinHead } from "./TwinHead";
import { useFusion } from "./useFusion";
import { useHistory } from "./useHistory";
import { usePast } from "./usePast";
import { useTwin } from "./useTwin";
import { mayWrite, useWriting } from "./useWriting";
import { WriteNote } from "./WriteNote";

/** The past has its own values alone. */
const none: Readings = {};

/** One twin: what is known of it now and was at any time, from whom, what it belongs to, and what is happening to it. */
export function TwinPage({ id }: { id: string }) {
  const { t } = useWords();
  const twin = useTwin(id);
  useReady(twin.tagged !== null || twin.problem !== null);
  if (twin.problem?.status === 404) return <NoTwin id={id} />;
  if (twin.problem) return <ProblemCard problem={twin.problem} onRetry={twin.reload} />;
  if (!twin.tagged) return <Loading />;
  return (
    <article className="twin" aria-label={id} data-testid="twin-page" data-revision={twin.tagged.twin.revision}>
      {twin.isDeleted && (
        <p className="outcome bad" role="alert" data-testid="deleted">
          {t("twins.deleted")}
        </p>
      )}
      <Whole tagged={twin.tagged} twin={twin} />
    </article>
  );
}

/** An address that leads nowhere: mistyped, or of a twin that is gone. */
function NoTwin({ id }: { id: string }) {
  const { t } = useWords();
  return (
    <div className="state" role="status" data-testid="no-twin">
      <h2>{t("twins.unknown")}</h2>
      <p className="code">{id}</p>
      <p>{t("twins.unknown.detail")}</p>
      <p className="buttons">
        <a href="#/twins" className="button">
          {t("twins.all")}
        </a>
      </p>
    </div>
  );
}

function Whole({ tagged, twin }: { tagged: TaggedTwin; twin: ReturnType<typeof useTwin> }) {
  const { models } = useModels();
  const model = models.get(tagged.twin.model);
  const now = useClock(tagged.twin.revision);
  const history = useHistory(tagged.twin.id, tagged.twin.revision);
  const [moment, setMoment] = useState<Moment>(present);
  const when = useMemo(() => whenOf(moment), [moment]);
  const past = usePast(tagged.twin.id, when);
  const isNow = when === null;
  const shown = isNow ? tagged.twin : past.of ? past.twin : tagged.twin;
  return (
    <>
      <TwinHead twin={tagged.twin} model={model} now={now} />
      <div className="twin-columns">
        <div>
          <section className="card">
            <TimeBar moment={moment} changes={history.changes} revision={tagged.twin.revision} now={now} isLoading={past.isLoading} onMoment={setMoment} />
            {past.problem && <ProblemCard problem={past.problem} />}
            <State tagged={tagged} shown={shown} moment={moment} changes={history.changes} readings={twin.readings} now={now} onWritten={twin.take} />
          </section>
          <section className="card">
            <HistoryHead id={tagged.twin.id} />
            <HistoryList
              history={history}
              model={model}
              shown={moment.by === "revision" ? (moment.revision ?? tagged.twin.revision) : null}
              now={now}
              onRevision={(revision) => setMoment({ ...present, by: "revision", revision: revision === tagged.twin.revision ? null : revision })}
            />
          </section>
        </div>
        <div>
          <Relations twin={tagged.twin} />
          <LiveTail state={twin.live} tail={twin.tail} waiting={twin.waiting.length} isPaused={twin.isPaused} model={model} onPause={twin.pause} />
        </div>
      </div>
    </>
  );
}

function HistoryHead({ id }: { id: string }) {
  const { t } = useWords();
  return (
    <header>
      <h2>{t("twins.history")}</h2>
      <HistoryFile id={id} />
    </header>
  );
}

interface StateProps {
  tagged: TaggedTwin;
  /** The state that is looked at; none where there was no such twin. */
  shown: WholeTwin | null;
  moment: Moment;
  changes: ReturnType<typeof useHistory>["changes"];
  readings: Readings;
  now: number;
  onWritten: (tagged: TaggedTwin) => void;
}

function State({ tagged, shown, moment, changes, readings, now, onWritten }: StateProps) {
  const { t } = useWords();
  const { session } = useSession();
  const { models } = useModels();
  const model = models.get(tagged.twin.model);
  const isNow = isPresent(moment);
  const writing = useWriting(tagged.twin.id, onWritten);
  const [editing, setEditing] = useState<(Editing & { base: TaggedTwin }) | null>(null);
  const toNow = useMemo(() => (isNow ? [] : differences(shown, tagged.twin)), [isNow, shown, tagged.twin]);
  const newest = useMemo(() => newestByProperty(knownThen(changes, whenOf(moment))), [changes, moment]);
  const { fusions, reload } = useFusion(tagged.twin.id, tagged.twin.revision, whenOf(moment));
  const rows = useMemo(() => stateRows(shown, model, toNow, newest, fusions), [shown, model, toNow, newest, fusions]);
  const isWriter = isNow && mayWrite(session?.user.roles);
  const edit = isWriter && {
    editing,
    isBusy: writing.isBusy,
    // The revision that the reader sees when the edit begins is the one that is meant, whatever comes meanwhile.
    onEdit: (wanted: Editing | null) => setEditing(wanted && { ...wanted, base: tagged }),
    onWrite: (write: Parameters<typeof writing.write>[0]) => {
      if (!editing) return;
      void writing.write(write, editing.base).then(() => setEditing(null));
    },
  };
  return (
    <>
      {isNow && <WriteNote writing={writing} model={model} />}
      {!isNow && <PastNote shown={shown} count={toNow.length} />}
      {!isNow && toNow.some((each) => each.facet !== "properties") && (
        <DifferenceList differences={toNow.filter((each) => each.facet !== "properties")} model={model} />
      )}
      {rows.set.length === 0 && rows.unset.length === 0 ? (
        <p className="muted nothing">{t("twins.noProperties")}</p>
      ) : (
        <StateTable model={tagged.twin.model} rows={rows} changes={changes} readings={isNow ? readings : none} now={now} onRule={reload} edit={edit || null} />
      )}
    </>
  );
}

function PastNote({ shown, count }: { shown: WholeTwin | null; count: number }) {
  const { t } = useWords();
  const text = shown ? t(count === 0 ? "twins.past.same" : "twins.past.differs", { count }) : t("twins.past.none");
  return (
    <p className="past-note" role="status" data-testid="past-note" data-count={count}>
      {text}
    </p>
  );
}

/** The time by which ages are told: looked at again every ten seconds, and when something changed. */
function useClock(revision: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 10_000);
    return () => clearInterval(timer);
  }, [revision]);
  return now;
}
