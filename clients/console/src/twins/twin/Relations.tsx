import { useState } from "react";

import type { TwinPart, WholeTwin } from "../../api/twinTypes";
import { useWords } from "../../i18n/language";
import { count } from "../../shared/format";
import { Loading, ProblemLine } from "../../shared/States";
import { searchAddress, twinAddress } from "../../shell/route";
import { shortId, targetsByName, titleOf } from "../naming";
import { useModels } from "../useModels";
import { GraphView } from "./GraphView";
import { useAround, type Incoming, type Neighbours } from "./useAround";

const views = ["graph", "list"] as const;

/** What a twin points at and what points at it: as a picture to walk in, and as a list. */
export function Relations({ twin }: { twin: WholeTwin }) {
  const { t } = useWords();
  const [view, setView] = useState<(typeof views)[number]>("graph");
  const { data, problem, isLoading } = useAround(view === "list" ? twin : null);
  return (
    <section className="card relations" aria-label={t("twins.relations")} data-testid="relations">
      <header>
        <h2>{t("twins.relations")}</h2>
        <span className="switch" role="group" aria-label={t("twins.relations.view")}>
          {views.map((each) => (
            <button key={each} type="button" aria-pressed={view === each} onClick={() => setView(each)} data-testid={`relations-${each}`}>
              {t(`twins.relations.${each}`)}
            </button>
          ))}
        </span>
      </header>
      {view === "graph" && <GraphView twin={twin} />}
      {view === "list" && problem && <ProblemLine problem={problem} />}
      {view === "list" && isLoading && !data && <Loading />}
      {view === "list" && data && <RelationList twin={twin} around={data} />}
    </section>
  );
}

function RelationList({ twin: { model, relations }, around }: { twin: WholeTwin; around: Neighbours }) {
  const { t } = useWords();
  const { names } = useModels();
  const outgoing = [...targetsByName(relations)];
  if (outgoing.length === 0 && around.incoming.length === 0) return <p className="muted nothing">{t("twins.relations.none")}</p>;
  return (
    <div className="relation-list" data-testid="relation-list">
      {outgoing.map(([name, targets]) => (
        <div key={name} data-testid="outgoing" data-name={name}>
          <h3>
            → {names.relation(name, model)} <span className="code">{name}</span>
          </h3>
          <Targets targets={targets} known={around.targets} />
        </div>
      ))}
      {around.incoming.map((each) => (
        <Arriving key={each.name} incoming={each} />
      ))}
    </div>
  );
}

const firstShown = 40;
const moreShown = 200;

function Targets({ targets, known }: { targets: readonly string[]; known: Neighbours["targets"] }) {
  const { t } = useWords();
  const [most, setMost] = useState(firstShown);
  return (
    <ul>
      {targets.slice(0, most).map((target) => (
        <Neighbour key={target} part={known.get(target) ?? unread(target)} />
      ))}
      {targets.length > most && (
        <li>
          <button type="button" className="button small" onClick={() => setMost(most + moreShown)}>
            {t("twins.more", { count: targets.length - most })}
          </button>
        </li>
      )}
    </ul>
  );
}

/** One of very many targets, of which nobody asked what it is: ids begin with the type. */
function unread(id: string): TwinPart {
  return { id, model: id.split(":")[0] };
}

function Arriving({ incoming: { name, items, total, query } }: { incoming: Incoming }) {
  const { t, language } = useWords();
  const { names } = useModels();
  return (
    <div data-testid="incoming" data-name={name}>
      <h3>
        ← {names.relation(name, items[0]?.model)} <span className="code">{name}</span> <span className="muted">{count(total, language)}</span>
      </h3>
      <ul>
        {items.map((part) => (
          <Neighbour key={part.id} part={part} />
        ))}
        {total > items.length && (
          <li>
            <a href={searchAddress({ q: query })} data-testid="incoming-all">
              {t("twins.relations.all", { count: count(total, language) })}
            </a>
          </li>
        )}
      </ul>
    </div>
  );
}

function Neighbour({ part }: { part: TwinPart }) {
  const { t, language } = useWords();
  const { names } = useModels();
  const title = titleOf(part, language);
  return (
    <li>
      <span className={`model-dot model-${part.model ?? ""}`} aria-hidden="true" />
      <a href={twinAddress(part.id)} data-testid="neighbour">
        {title || shortId(part.id)}
      </a>{" "}
      <span className="fine muted">{part.model ? names.model(part.model) : t("twins.relations.unknown")}</span> <span className="code">{part.id}</span>
    </li>
  );
}
