import { useWords } from "../i18n/language";
import { useLiveState } from "../live/LiveProvider";
import { useSession } from "../signin/SessionProvider";
import { LanguageSwitch } from "./LanguageSwitch";
import { Mark } from "./Mark";
import { pages, type PageName } from "./route";

export function Header({ page }: { page: PageName }) {
  const { t } = useWords();
  const { session, signOut } = useSession();
  return (
    <header className="header">
      <Mark />
      <nav aria-label={t("nav.label")}>
        {pages.map((name) => (
          <a key={name} href={`#/${name}`} aria-current={name === page ? "page" : undefined} data-testid={`nav-${name}`}>
            {t(`nav.${name}`)}
          </a>
        ))}
      </nav>
      <div className="header-end">
        <LiveIndicator />
        <LanguageSwitch />
        <span className="user" title={session?.user.roles.join(", ")} data-testid="user-name">
          {session?.user.name || session?.user.id}
        </span>
        <button type="button" className="button quiet" onClick={() => signOut("signin.signedOut")} data-testid="sign-out">
          {t("session.signOut")}
        </button>
      </div>
    </header>
  );
}

function LiveIndicator() {
  const { t } = useWords();
  const { state } = useLiveState();
  return (
    <span className={`live-indicator ${state}`} role="status" data-testid="live-indicator" data-state={state}>
      <span className="dot" aria-hidden="true" />
      {t(`live.${state}`)}
    </span>
  );
}
