import { useWords } from "../i18n/language";

export function LanguageSwitch() {
  const { t, language, setLanguage } = useWords();
  return (
    <button
      type="button"
      className="button quiet"
      onClick={() => setLanguage(language === "zh" ? "en" : "zh")}
      aria-label={t("language.label")}
      data-testid="language-switch"
    >
      {t("language.switch")}
    </button>
  );
}
