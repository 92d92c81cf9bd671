import { lazy, Suspense } from "react";

import { DataPage } from "./data/DataPage";
import { LanguageProvider } from "./i18n/language";
import { LiveProvider } from "./live/LiveProvider";
import { LiveTicker } from "./live/LiveTicker";
import { RecommendationsPage } from "./recommendations/RecommendationsPage";
import { Boundary } from "./shared/Boundary";
import { Loading } from "./shared/States";
import { Header } from "./shell/Header";
import { useRoute, type PageName } from "./shell/route";
import { SessionProvider, useSession } from "./signin/SessionProvider";
import { SignInPage } from "./signin/SignInPage";
import { ModelsProvider } from "./twins/useModels";

/** The map brings the 3D library; the other pages and signing in do not wait for it. */
const MapPage = lazy(() => import("./map/MapPage"));
const TwinsPage = lazy(() => import("./twins/TwinsPage"));

export function App() {
  return (
    <LanguageProvider>
      <SessionProvider>
        <Door />
      </SessionProvider>
    </LanguageProvider>
  );
}

function Door() {
  const { session } = useSession();
  const { page } = useRoute();
  if (page === "signin" || !session) return <SignInPage />;
  return (
    <LiveProvider>
      <ModelsProvider>
        <div className="app">
          <Header page={page} />
          <main className="page" key={page}>
            <Boundary>
              <Suspense fallback={<Loading />}>
                <Page page={page} />
              </Suspense>
            </Boundary>
          </main>
          <LiveTicker />
        </div>
      </ModelsProvider>
    </LiveProvider>
  );
}

function Page({ page }: { page: PageName }) {
  if (page === "recommendations") return <RecommendationsPage />;
  if (page === "data") return <DataPage />;
  if (page === "twins") return <TwinsPage />;
  return <MapPage />;
}
