/** A sign for each stage, drawn in a square of 20. */
const marks: Record<string, string> = {
  source: "M4 13v3h12v-3M10 3v9M6.5 8.5 10 12l3.5-3.5",
  batch: "M3 7l7-4 7 4-7 4zM3 11l7 4 7-4",
  message: "M3 5h14v10H3zM3 6l7 5 7-5",
  book: "M10 5.5C8 4 5.5 3.8 3 4v11c2.5-.2 5 0 7 1.5 2-1.5 4.5-1.7 7-1.5V4c-2.5-.2-5 0-7 1.5zM10 5.5v11",
  history: "M3.5 10a6.5 6.5 0 1 0 2-4.7M3.5 3v3.5H7M10 6.5V10l2.5 1.5",
  superseded: "M4 6h9v10H4zM7 6V3h9v10h-3",
  quarantine: "M10 3l7 13H3zM10 8v4M10 13.8v.2",
  twin: "M10 3l6 3.5v7L10 17l-6-3.5v-7zM4 6.5l6 3.5 6-3.5M10 10v7",
  profile: "M10 10a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM4 17c.5-3.5 3-5 6-5s5.5 1.5 6 5",
  forecast: "M3 14l4-5 3.5 3L17 4M13 4h4v4",
  recommendation: "M10 3l2 4.5 5 .5-3.7 3.3 1.1 4.9L10 13.7l-4.4 2.5 1.1-4.9L3 8l5-.5z",
};

export function StageMark({ stage }: { stage: string }) {
  return (
    <span className="stage-mark" aria-hidden="true">
      <svg viewBox="0 0 20 20" width="18" height="18" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round">
        <path d={marks[stage] ?? "M10 6a4 4 0 1 0 0 8 4 4 0 0 0 0-8z"} />
      </svg>
    </span>
  );
}
