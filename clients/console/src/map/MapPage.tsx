import { useCallback, useMemo, useState } from "react";

import type { MapFeed } from "../api/types";
import { useWords } from "../i18n/language";
import { useReady } from "../shared/ready";
import { Empty, Loading, ProblemCard } from "../shared/States";
import { useRemote } from "../shared/useRemote";
import { useSession } from "../signin/SessionProvider";
import { ForecastCache } from "./ForecastFacts";
import { Legend } from "./Legend";
import { MapControls } from "./MapControls";
import { MapStage } from "./MapStage";
import { RegionDetail } from "./RegionDetail";
import { RegionTable } from "./RegionTable";
import { rowsOf, type RegionRow } from "./rows";

const measure = "annual_forecast";
const noRows: RegionRow[] = [];

export default function MapPage() {
  const words = useWords();
  const { api } = useSession();
  const [year, setYear] = useState<number | undefined>(undefined);
  const [level, setLevel] = useState("province");
  const [selected, setSelected] = useState<string | null>(null);
  const [activeBand, setActiveBand] = useState<string | null>(null);
  const [drawn, setDrawn] = useState<MapFeed | null>(null);
  const load = useCallback(
    (signal: AbortSignal) => api.mapRegions({ measure, year, level }, signal),
    [api, year, level],
  );
  const { data: feed, problem, isLoading, reload } = useRemote(load);

  const rows = useMemo(() => (feed ? rowsOf(feed, words) : noRows), [feed, words]);
  const shownYear = year ?? (feed?.year || feed?.features[0]?.properties.year);
  const isEmpty = feed !== null && rows.every((row) => row.value === null);
  const selectedRow = rows.find((row) => row.region === selected) ?? null;
  useReady(!isLoading && (feed === null || rows.length === 0 || drawn === feed));

  return (
    <ForecastCache of={feed}>
      <div className="map-page" data-testid="map-page">
      <section className="stage">
        {feed && rows.length > 0 && (
          <MapStage
            feed={feed}
            rows={rows}
            year={shownYear}
            selected={selected}
            activeBand={activeBand}
            onSelect={setSelected}
            onDrawn={setDrawn}
          />
        )}
        <MapControls
          feed={feed}
          rows={rows}
          year={shownYear}
          level={level}
          isLoading={isLoading}
          onYear={setYear}
          onLevel={(chosen) => {
            setSelected(null);
            setLevel(chosen);
          }}
          onReload={reload}
        />
        {feed && rows.length > 0 && (
          <Legend bands={feed.bands} rows={rows} active={activeBand} onActive={setActiveBand} />
        )}
        <StageState problem={problem} isLoading={isLoading && !feed} isEmpty={isEmpty} onRetry={reload} />
        {feed && <Attribution feed={feed} />}
      </section>
      <aside className="side">
        {selectedRow && <RegionDetail row={selectedRow} year={shownYear} onClose={() => setSelected(null)} />}
        <RegionTable rows={rows} selected={selected} activeBand={activeBand} onSelect={setSelected} year={shownYear} />
      </aside>
      </div>
    </ForecastCache>
  );
}

function StageState(props: {
  problem: ReturnType<typeof useRemote>["problem"];
  isLoading: boolean;
  isEmpty: boolean;
  onRetry: () => void;
}) {
  const { t } = useWords();
  if (props.problem) {
    return (
      <div className="stage-state">
        <ProblemCard problem={props.problem} onRetry={props.onRetry} />
      </div>
    );
  }
  if (props.isLoading) {
    return (
      <div className="stage-state">
        <Loading />
      </div>
    );
  }
  if (!props.isEmpty) return null;
  return (
    <div className="stage-state">
      <Empty title={t("map.empty")}>{t("map.empty.detail")}</Empty>
    </div>
  );
}

/** Where the shapes and the values come from, and what the map cannot show. */
function Attribution({ feed }: { feed: MapFeed }) {
  const { t } = useWords();
  const unmapped = feed.unmapped ?? [];
  return (
    <p className="attribution" title={[feed.attribution, ...unmapped].filter(Boolean).join(", ")} data-testid="map-attribution">
      {feed.attribution}
      {unmapped.length > 0 && <span className="warn-text"> {t("map.unmapped", { count: unmapped.length })}</span>}
    </p>
  );
}
