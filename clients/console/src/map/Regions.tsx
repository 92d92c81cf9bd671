import { useFrame, useThree, type ThreeEvent } from "@react-three/fiber";
import { memo, useEffect, useMemo, useRef } from "react";
import { Color, type Group } from "three";

import { outlineOf, prismOf } from "./geometry";
import type { PlacedArea } from "./layout";
import type { Pointed } from "./RegionTooltip";
import type { RegionRow } from "./rows";

/** Height of the largest value, in stage units; the rest is in proportion. */
export const tallest = 1.3;
const plate = 0.05;
const growMs = 650;

interface Props {
  areas: PlacedArea[];
  rows: RegionRow[];
  heights: Map<string, number>;
  hovered: string | null;
  selected: string | null;
  activeBand: string | null;
  onPoint: (pointed: Pointed | null) => void;
  onSelect: (region: string | null) => void;
  /** Called when the columns have reached their heights and are drawn. */
  onSettled: () => void;
}

export function heightsOf(rows: readonly RegionRow[]): Map<string, number> {
  const largest = Math.max(0, ...rows.map((row) => row.value ?? 0));
  const share = (value: number | null) => (value === null || largest === 0 ? 0 : Math.max(0, value) / largest);
  return new Map(rows.map((row) => [row.region, plate + (tallest - plate) * share(row.value)]));
}

export function Regions(props: Props) {
  const { areas, rows, heights, onPoint, onSelect, onSettled } = props;
  const columns = useRef(new Map<string, Group>());
  useGrowth(columns.current, heights, onSettled);
  const byRegion = useMemo(() => new Map(rows.map((row) => [row.region, row])), [rows]);

  const point = (event: ThreeEvent<PointerEvent>) => {
    event.stopPropagation();
    const { offsetX: x, offsetY: y, pointerType } = event.nativeEvent;
    if (pointerType === "mouse") onPoint({ region: regionOf(event), x, y });
  };
  const choose = (event: ThreeEvent<MouseEvent>) => {
    event.stopPropagation();
    const wasDragged = event.delta > 5;
    if (!wasDragged) onSelect(regionOf(event));
  };
  return (
    <group onPointerMove={point} onPointerOut={() => onPoint(null)} onClick={choose}>
      {areas.map((area) => {
        const row = byRegion.get(area.region);
        if (!row) return null;
        return (
          <Column
            key={area.region}
            area={area}
            color={row.color}
            isHovered={props.hovered === area.region}
            isSelected={props.selected === area.region}
            isDimmed={props.activeBand !== null && row.bandKey !== props.activeBand}
            columns={columns.current}
          />
        );
      })}
    </group>
  );
}

interface ColumnProps {
  area: PlacedArea;
  color: string;
  isHovered: boolean;
  isSelected: boolean;
  isDimmed: boolean;
  columns: Map<string, Group>;
}

const Column = memo(function Column({ area, color, isHovered, isSelected, isDimmed, columns }: ColumnProps) {
  const prism = useMemo(() => prismOf(area), [area]);
  const outline = useMemo(() => outlineOf(area), [area]);
  useEffect(
    () => () => {
      prism.dispose();
      outline.dispose();
    },
    [prism, outline],
  );
  const isMarked = isHovered || isSelected;
  return (
    <group
      ref={(group) => {
        if (group) columns.set(area.region, group);
        return () => void columns.delete(area.region);
      }}
    >
      <mesh geometry={prism} userData={{ region: area.region }} scale-z={plate}>
        <meshBasicMaterial vertexColors color={shown(color, isHovered, isDimmed)} polygonOffset polygonOffsetFactor={1} polygonOffsetUnits={1} />
      </mesh>
      <lineSegments geometry={outline} position-z={plate} raycast={() => null} renderOrder={isMarked ? 2 : 1}>
        <lineBasicMaterial color={isMarked ? "#ffffff" : "#070b11"} transparent opacity={isMarked ? 1 : 0.5} />
      </lineSegments>
    </group>
  );
});

function shown(color: string, isHovered: boolean, isDimmed: boolean): Color {
  const result = new Color(color);
  if (isDimmed) result.lerp(new Color("#131b26"), 0.82);
  return isHovered ? result.lerp(new Color("#ffffff"), 0.16) : result;
}

/** Columns grow from where they are to where they should be, then nothing is drawn until something changes. */
function useGrowth(columns: Map<string, Group>, heights: Map<string, number>, onSettled: () => void): void {
  const invalidate = useThree((state) => state.invalidate);
  const growth = useRef<{ from: Map<string, number>; since: number; isDone: boolean } | null>(null);
  useEffect(() => {
    const from = new Map([...columns].map(([region, group]) => [region, group.children[0]!.scale.z]));
    const isStill = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    growth.current = { from, since: performance.now() - (isStill ? growMs : 0), isDone: false };
    invalidate();
  }, [columns, heights, invalidate]);
  useFrame(() => {
    const current = growth.current;
    if (!current || current.isDone) return;
    const time = Math.min(1, (performance.now() - current.since) / growMs);
    const share = 1 - (1 - time) ** 3;
    for (const [region, group] of columns) {
      const from = current.from.get(region) ?? plate;
      raise(group, from + ((heights.get(region) ?? plate) - from) * share);
    }
    if (time < 1) return invalidate();
    current.isDone = true;
    onSettled();
  });
}

function raise(group: Group, height: number): void {
  const [prism, outline] = group.children;
  if (prism) prism.scale.z = height;
  if (outline) outline.position.z = height + 0.004;
}

function regionOf(event: { object: { userData: Record<string, unknown> } }): string {
  return String(event.object.userData["region"]);
}
