import { Canvas } from "@react-three/fiber";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";

import type { MapFeed } from "../api/types";
import { useWords } from "../i18n/language";
import { Ground } from "./Ground";
import { LabelLayer, LabelPlacer } from "./Labels";
import { layOut } from "./layout";
import { Orbit } from "./Orbit";
import { heightsOf, Regions } from "./Regions";
import { RegionTooltip, type Pointed } from "./RegionTooltip";
import type { RegionRow } from "./rows";

interface Props {
  feed: MapFeed;
  rows: RegionRow[];
  year: number | undefined;
  selected: string | null;
  activeBand: string | null;
  onSelect: (region: string | null) => void;
  /** Called with the feed whose picture is complete. */
  onDrawn: (feed: MapFeed) => void;
}

export function MapStage({ feed, rows, year, selected, activeBand, onSelect, onDrawn }: Props) {
  const { t } = useWords();
  const labels = useRef<HTMLDivElement>(null);
  const [pointed, setPointed] = useState<Pointed | null>(null);
  const [framing, setFraming] = useState(0);
  const [canDraw] = useState(hasWebgl);
  const shapes = useMemo(() => layOut(areasOf(feed)), [shapeKey(feed)]);
  const heights = useMemo(() => heightsOf(rows), [rows]);
  const settled = useCallback(() => onDrawn(feed), [onDrawn, feed]);
  useEffect(() => {
    if (!canDraw) settled();
  }, [canDraw, settled]);
  useEffect(() => setPointed(null), [feed]);

  if (!canDraw) return <p className="stage-state note">{t("map.noWebgl")}</p>;
  const hovered = rows.find((row) => row.region === pointed?.region);
  return (
    <div className="canvas-frame" role="img" aria-label={t("map.stage")} data-testid="map-canvas">
      <Canvas
        frameloop="demand"
        flat
        dpr={[1, 2]}
        camera={{ fov: 30, up: [0, 0, 1], position: [0, -10, 14], near: 0.5, far: 120 }}
        onPointerMissed={() => onSelect(null)}
      >
        <Orbit areas={shapes.areas} heights={heights} framing={framing} />
        <Ground layout={shapes} />
        <Regions
          areas={shapes.areas}
          rows={rows}
          heights={heights}
          hovered={pointed?.region ?? null}
          selected={selected}
          activeBand={activeBand}
          onPoint={setPointed}
          onSelect={onSelect}
          onSettled={settled}
        />
        <LabelPlacer areas={shapes.areas} rows={rows} heights={heights} layer={labels} />
      </Canvas>
      <LabelLayer rows={rows} activeBand={activeBand} ref={labels} />
      {pointed && hovered && <RegionTooltip key={hovered.region} row={hovered} pointed={pointed} year={year} />}
      <div className="stage-help">
        <span>{t("map.hint")}</span>
        <button type="button" className="button small" onClick={() => setFraming((n) => n + 1)} data-testid="map-reset">
          {t("map.reset")}
        </button>
      </div>
    </div>
  );
}

function areasOf(feed: MapFeed) {
  return feed.features.map((feature) => ({ region: feature.properties.region, geometry: feature.geometry }));
}

/** Years share their shapes: projecting and triangulating again would only cost time. */
function shapeKey(feed: MapFeed): string {
  return feed.features.map((feature) => feature.properties.region).join("|");
}

function hasWebgl(): boolean {
  try {
    const context = document.createElement("canvas").getContext("webgl2");
    context?.getExtension("WEBGL_lose_context")?.loseContext();
    return context !== null;
  } catch {
    return false;
  }
}
