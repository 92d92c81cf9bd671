import { useEffect } from "react";

/**
 * Tells browser tests that the page shows what it has; the frames in between let the browser paint it. The attribute
 * on the root element says the same as `window.__ready`: waiting on a variable needs `eval`, which the policy forbids.
 */
export function useReady(isComplete: boolean): void {
  useEffect(() => {
    tell(false);
    if (!isComplete) return;
    let frame = requestAnimationFrame(() => {
      frame = requestAnimationFrame(() => tell(true));
    });
    return () => cancelAnimationFrame(frame);
  }, [isComplete]);
}

function tell(isReady: boolean): void {
  window.__ready = isReady;
  document.documentElement.dataset["ready"] = String(isReady);
}
