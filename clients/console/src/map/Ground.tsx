import { useEffect, useMemo } from "react";
import { BufferAttribute, BufferGeometry } from "three";

import { graticuleOf } from "./geometry";
import type { Box, Layout } from "./layout";

/** What lies under the regions: the net of meridians and parallels, and the frames of the insets. */
export function Ground({ layout }: { layout: Layout }) {
  const net = useMemo(() => graticuleOf(layout.extent, layout.project), [layout]);
  const frames = useMemo(() => framesOf(layout.insets), [layout]);
  useEffect(
    () => () => {
      net.dispose();
      frames.dispose();
    },
    [net, frames],
  );
  return (
    <group raycast={() => null}>
      <lineSegments geometry={net} position-z={-0.01} raycast={() => null}>
        <lineBasicMaterial color="#6f93b8" transparent opacity={0.11} />
      </lineSegments>
      <lineSegments geometry={frames} raycast={() => null}>
        <lineBasicMaterial color="#8fb0d0" transparent opacity={0.3} />
      </lineSegments>
    </group>
  );
}

function framesOf(boxes: readonly Box[]): BufferGeometry {
  const values = boxes.flatMap(({ minX, minY, maxX, maxY }) => {
    const corners = [minX, minY, maxX, minY, maxX, maxY, minX, maxY];
    return [0, 1, 2, 3].flatMap((i) => {
      const j = (i + 1) % 4;
      return [corners[i * 2]!, corners[i * 2 + 1]!, 0, corners[j * 2]!, corners[j * 2 + 1]!, 0];
    });
  });
  return new BufferGeometry().setAttribute("position", new BufferAttribute(new Float32Array(values), 3));
}
