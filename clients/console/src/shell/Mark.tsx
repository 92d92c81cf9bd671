import { useWords } from "../i18n/language";

/** The name and its sign: four plates, one for each band that a market climbs. */
export function Mark() {
  const { t } = useWords();
  return (
    <span className="mark">
      <svg viewBox="5 7 22 18" width="24" height="20" aria-hidden="true">
        <path d="M6 21l5-3 5 3-5 3z" fill="#32508e" />
        <path d="M16 21l5-3 5 3-5 3z" fill="#2b7fb2" />
        <path d="M11 15l5-3 5 3-5 3z" fill="#2fa99f" />
        <path d="M16 9l5-3 5 3-5 3z" fill="#f6eda0" />
      </svg>
      <b>Marketwin</b>
      <span className="tagline">{t("app.tagline")}</span>
    </span>
  );
}
