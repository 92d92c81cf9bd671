import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./App";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/shell.css";
import "./styles/live.css";
import "./styles/signin.css";
import "./styles/map.css";
import "./styles/maplayers.css";
import "./styles/mapside.css";
import "./styles/tables.css";
import "./styles/recommendations.css";
import "./styles/data.css";
import "./styles/sources.css";
import "./styles/quality.css";
import "./styles/days.css";
import "./styles/quarantine.css";
import "./styles/recordform.css";
import "./styles/lineage.css";
import "./styles/twinsearch.css";
import "./styles/twinmodels.css";
import "./styles/querybox.css";
import "./styles/twin.css";
import "./styles/twinpast.css";
import "./styles/models.css";
import "./styles/rules.css";
import "./styles/twingraph.css";

declare global {
  interface Window {
    /** True once the page's picture is complete; browser tests wait for it. */
    __ready?: boolean;
  }
}

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
