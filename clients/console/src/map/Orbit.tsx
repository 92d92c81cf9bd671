import { useThree } from "@react-three/fiber";
import { useEffect, useMemo, useRef } from "react";
import { MOUSE, type PerspectiveCamera } from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";

import { cornersOf, framed } from "./framing";
import type { PlacedArea } from "./layout";

interface Props {
  areas: PlacedArea[];
  heights: Map<string, number>;
  /** Counts the wishes to see the whole map again. */
  framing: number;
}

/** Turning, zooming and moving; each step asks for one picture, and nothing is drawn in between. */
export function Orbit({ areas, heights, framing }: Props) {
  const camera = useThree((state) => state.camera) as PerspectiveCamera;
  const canvas = useThree((state) => state.gl.domElement);
  const invalidate = useThree((state) => state.invalidate);
  const size = useThree((state) => state.size);
  const controls = useMemo(() => {
    const made = new OrbitControls(camera, canvas);
    made.mouseButtons = { LEFT: MOUSE.ROTATE, MIDDLE: MOUSE.DOLLY, RIGHT: MOUSE.PAN };
    made.screenSpacePanning = false;
    made.minPolarAngle = 0.02;
    made.maxPolarAngle = 1.35;
    return made;
  }, [camera, canvas]);

  useEffect(() => {
    const draw = () => invalidate();
    controls.addEventListener("change", draw);
    return () => {
      controls.removeEventListener("change", draw);
      controls.dispose();
    };
  }, [controls, invalidate]);

  // Another year changes the heights but must not move the eye.
  const latestHeights = useRef(heights);
  latestHeights.current = heights;
  useEffect(() => {
    camera.aspect = size.width / Math.max(1, size.height);
    const view = framed(cornersOf(areas, latestHeights.current), camera);
    camera.position.copy(view.position);
    camera.updateProjectionMatrix();
    controls.target.copy(view.target);
    controls.minDistance = view.distance * 0.15;
    controls.maxDistance = view.distance * 1.8;
    controls.update();
    invalidate();
  }, [areas, framing, size, camera, controls, invalidate]);
  return null;
}
