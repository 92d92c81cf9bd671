import { useWords } from "../i18n/language";
import { Boundary } from "../shared/Boundary";
import { dataAddress, dataTabs, useRoute, type DataTab } from "../shell/route";
import { LineageTab } from "./lineage/LineageTab";
import { QualityTab } from "./quality/QualityTab";
import { QuarantineTab } from "./quarantine/QuarantineTab";
import { SourcesTab } from "./sources/SourcesTab";

/** What comes in: from whom, how good, what was set aside, and what became of it. */
export function DataPage() {
  const { t } = useWords();
  const { tab } = useRoute();
  return (
    <div className="sheet data" data-testid="data-page">
      <nav className="tabs" aria-label={t("data.tabs")}>
        {dataTabs.map((name) => (
          <a key={name} href={dataAddress(name)} aria-current={name === tab ? "page" : undefined} data-testid={`tab-${name}`}>
            {t(`data.${name}`)}
          </a>
        ))}
      </nav>
      <Boundary key={tab}>
        <Tab tab={tab} />
      </Boundary>
    </div>
  );
}

function Tab({ tab }: { tab: DataTab }) {
  if (tab === "quality") return <QualityTab />;
  if (tab === "quarantine") return <QuarantineTab />;
  if (tab === "lineage") return <LineageTab />;
  return <SourcesTab />;
}
