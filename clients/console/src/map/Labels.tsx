import { useFrame, useThree } from "@react-three/fiber";
import { useEffect, useMemo, type Ref, type RefObject } from "react";
import { Raycaster, Vector2, Vector3, type Camera, type Object3D } from "three";

import { useWords } from "../i18n/language";
import { useOnHeard } from "../live/LiveProvider";
import { aligned } from "../shared/format";
import type { PlacedArea } from "./layout";
import { chooseForms, type Form, type LabelSpot } from "./labelForms";
import type { RegionRow } from "./rows";

/** Names and values over the columns, as HTML: any language, sharp at any zoom, and no font files. */
export function LabelLayer({ rows, activeBand, ref }: { rows: RegionRow[]; activeBand: string | null; ref: Ref<HTMLDivElement> }) {
  const { language } = useWords();
  return (
    <div className="labels" ref={ref} aria-hidden="true" data-testid="map-labels">
      {rows.map((row) => {
        const isDimmed = activeBand !== null && row.bandKey !== activeBand;
        return (
          <div key={row.region} data-region={row.region} className={`label ${isBright(row.color) && !isDimmed ? "on-bright" : ""} ${isDimmed ? "dimmed" : ""}`}>
            <i className="pulse" />
            <span className="label-text">
              <b className="long">{row.name}</b>
              <b className="short">{row.shortName}</b>
              {row.value !== null && <small>{aligned(row.value, language, 1)}</small>}
            </span>
          </div>
        );
      })}
    </div>
  );
}

interface PlacerProps {
  areas: PlacedArea[];
  rows: RegionRow[];
  heights: Map<string, number>;
  layer: RefObject<HTMLDivElement | null>;
}

/** Lives in the scene: after each picture it moves the labels to where their columns now are. */
export function LabelPlacer({ areas, rows, heights, layer }: PlacerProps) {
  const { language } = useWords();
  const invalidate = useThree((state) => state.invalidate);
  const sizes = useMemo(() => textSizes(rows), [rows]);
  useEffect(() => invalidate(), [rows, language, invalidate]);
  usePulses(layer);
  useFrame(({ camera, size, scene }) => {
    if (!layer.current) return;
    scene.updateMatrixWorld();
    camera.updateMatrixWorld();
    const covers = coversIn(scene, camera, size);
    const spots = areas.map((area) =>
      spotOf({ area, height: heights.get(area.region) ?? 0, text: sizes.get(area.region), camera, size, covers }),
    );
    const forms = chooseForms(spots);
    for (const element of layer.current.children as HTMLCollectionOf<HTMLElement>) {
      const index = areas.findIndex((area) => area.region === element.dataset["region"]);
      const spot = spots[index];
      if (spot) move(element, spot, forms[index]!);
    }
  });
  return null;
}

function move(element: HTMLElement, spot: LabelSpot, form: Form): void {
  element.style.transform = `translate(${spot.x.toFixed(1)}px, ${spot.y.toFixed(1)}px)`;
  element.dataset["form"] = form;
}

type Size = { width: number; height: number };
/** Whether a column higher than `height`, other than the region's own, is seen at a place on the screen. */
type Covers = (region: string, height: number, x: number, y: number) => boolean;

interface SpotOptions {
  area: PlacedArea;
  height: number;
  text: { long: number; short: number } | undefined;
  camera: Camera;
  size: Size;
  covers: Covers;
}

function spotOf({ area, height, text, camera, size, covers }: SpotOptions): LabelSpot {
  const { minX, maxX, minY, maxY } = area.box;
  const screen = (atX: number, atY: number) => onScreen(atX, atY, height, camera, size);
  const places = area.anchors.map(([x, y]) => ({ x, y, at: screen(x, y) }));
  const { x, y, at } = places.find((place) => !covers(area.region, height, place.at.x, place.at.y + 8)) ?? places[0]!;
  // A name at the edge of the map is not cut off there.
  const half = (text?.long ?? 0) / 2 + 6;
  const [left, right, low, high] = [screen(minX, y), screen(maxX, y), screen(x, minY), screen(x, maxY)];
  return {
    x: Math.max(half, Math.min(at.x, size.width - half)),
    y: at.y,
    roomX: Math.hypot(right.x - left.x, right.y - left.y),
    roomY: Math.hypot(high.x - low.x, high.y - low.y),
    long: text?.long ?? 0,
    short: text?.short ?? 0,
    isCovered: covers(area.region, height, at.x, at.y + 3),
    isCoveredBelow: covers(area.region, height, at.x, at.y + 12),
  };
}

const scratch = new Vector3();
const ray = new Raycaster();

function onScreen(x: number, y: number, z: number, camera: Camera, size: Size): { x: number; y: number } {
  scratch.set(x, y, z).project(camera);
  return { x: ((scratch.x + 1) / 2) * size.width, y: ((1 - scratch.y) / 2) * size.height };
}

function coversIn(scene: Object3D, camera: Camera, size: Size): Covers {
  const columns: Object3D[] = [];
  scene.traverse((object) => object.userData["region"] && columns.push(object));
  return (region, height, x, y) => {
    ray.setFromCamera(new Vector2((x / size.width) * 2 - 1, 1 - (y / size.height) * 2), camera);
    const first = ray.intersectObjects(columns, false)[0];
    return first !== undefined && first.object.userData["region"] !== region && first.object.scale.z > height + 0.05;
  };
}

/** Widths of both forms of each name in pixels. */
function textSizes(rows: readonly RegionRow[]): Map<string, { long: number; short: number }> {
  const context = document.createElement("canvas").getContext("2d");
  if (!context) return new Map();
  context.font = `600 11px ${getComputedStyle(document.body).fontFamily}`;
  const width = (text: string) => context.measureText(text).width;
  return new Map(rows.map((row) => [row.region, { long: width(row.name), short: width(row.shortName) }]));
}

/** A ring spreads over a region whose twin has just changed; the browser draws it, the scene stays still. */
function usePulses(layer: RefObject<HTMLDivElement | null>): void {
  const onHeard = useOnHeard();
  useEffect(
    () =>
      onHeard(({ changed }) => {
        for (const id of changed.slice(0, 40)) {
          if (!id.startsWith("region:")) continue;
          const ring = layer.current?.querySelector(`[data-region="${CSS.escape(id.slice(7))}"] .pulse`);
          ring?.animate(
            [
              { opacity: 0.9, transform: "translate(-50%, -50%) scale(0.2)" },
              { opacity: 0, transform: "translate(-50%, -50%) scale(1)" },
            ],
            { duration: 1600, easing: "ease-out" },
          );
        }
      }),
    [onHeard, layer],
  );
}

function isBright(color: string): boolean {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  return 0.3 * red! + 0.59 * green! + 0.11 * blue! > 125;
}
