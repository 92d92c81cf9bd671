import { useEffect, useRef } from "react";

import { useWords } from "../i18n/language";
import { Boundary } from "../shared/Boundary";
import { useRoute, type Subject } from "../shell/route";
import { ModelsPage } from "./model/ModelsPage";
import { SearchPage } from "./search/SearchPage";
import { TwinPage } from "./twin/TwinPage";
import { WithModels } from "./useModels";

/** Twins: found, looked at with their past and their sources, and the types they are of. */
export default function TwinsPage() {
  const { t } = useWords();
  const { subject } = useRoute();
  const isOfModels = subject.of === "models";
  const search = useLastSearch(subject);
  const top = useTop(subject);
  return (
    <div className="sheet data twins" ref={top} data-testid="twins-page">
      <nav className="tabs" aria-label={t("nav.twins")}>
        <a href={search} aria-current={isOfModels ? undefined : "page"} data-testid="tab-search">
          {t("twins.search")}
        </a>
        <a href="#/models" aria-current={isOfModels ? "page" : undefined} data-testid="tab-models">
          {t("twins.models")}
        </a>
      </nav>
      <WithModels>
        <Boundary key={`${subject.of}/${subject.name}`}>
          <Part subject={subject} />
        </Boundary>
      </WithModels>
    </div>
  );
}

/** The way back from a twin leads to the search it was found by. */
function useLastSearch(subject: Subject): string {
  const last = useRef("#/twins");
  const isSearch = subject.of === "twins" && subject.name === "";
  if (isSearch) last.current = window.location.hash;
  return isSearch ? "#/twins" : last.current;
}

/** Another twin begins at its top, wherever the reader was in the one before. */
function useTop(subject: Subject) {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => void element.current?.scrollIntoView({ block: "start" }), [subject.of, subject.name]);
  return element;
}

function Part({ subject }: { subject: Subject }) {
  if (subject.of === "models") return <ModelsPage chosen={subject.name} />;
  return subject.name ? <TwinPage id={subject.name} /> : <SearchPage />;
}
