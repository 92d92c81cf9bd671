import type { ReactNode } from "react";

/** The head of a page: what it is, one sentence, and what can be done with all of it. */
export function Heading({ title, lead, children }: { title: string; lead?: string; children?: ReactNode }) {
  return (
    <header className="sheet-head">
      <div>
        <h1>{title}</h1>
        {lead && <p className="muted">{lead}</p>}
      </div>
      <div className="control-row">{children}</div>
    </header>
  );
}
