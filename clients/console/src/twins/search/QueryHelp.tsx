import { useWords } from "../../i18n/language";
import type { Model } from "../models";
import { propertyField } from "../rql";
import { useModels } from "../useModels";
import { examplesFor } from "./examples";

interface Props {
  model: string;
  onQuery: (query: string) => void;
  onField: (field: string) => void;
}

const forms: [string, string][] = [
  ["eq", 'eq(field,"value")'],
  ["ne", 'ne(field,"value")'],
  ["gt", "gt(field,1)"],
  ["ge", "ge(field,1)"],
  ["lt", "lt(field,1)"],
  ["le", "le(field,1)"],
  ["in", 'in(field,"a","b")'],
  ["like", 'like(field,"红*店?")'],
  ["ilike", 'ilike(field,"*red*")'],
  ["exists", "exists(field)"],
  ["empty", "empty(field)"],
  ["and", "and(query,query)"],
  ["or", "or(query,query)"],
  ["not", "not(query)"],
  ["related", "related(NAME,query)"],
  ["number", "gt(number(field),1)"],
];

/** What a query can say: operators, fields of the chosen type, and examples that can be taken over. */
export function QueryHelp({ model, onQuery, onField }: Props) {
  const { t, known } = useWords();
  const { models } = useModels();
  const chosen = models.get(model);
  return (
    <section className="query-help" aria-label={t("twins.help")} data-testid="query-help">
      <div>
        <h3>{t("twins.help.examples")}</h3>
        <ul className="examples">
          {examplesFor(models, model).map(({ text, query }) => (
            <li key={query}>
              <button type="button" onClick={() => onQuery(query)} data-testid="example">
                <span>{t(text)}</span>
                <code>{query}</code>
              </button>
            </li>
          ))}
        </ul>
      </div>
      <div>
        <h3>{t("twins.help.operators")}</h3>
        <dl className="operators">
          {forms.map(([name, form]) => (
            <div key={name}>
              <dt>
                <code>{form}</code>
              </dt>
              <dd>{known(`rql.${name}`, name)}</dd>
            </div>
          ))}
        </dl>
      </div>
      <div>
        <h3>{chosen ? t("twins.help.fieldsOf", { model: model }) : t("twins.help.fields")}</h3>
        <Fields model={chosen} onField={onField} />
        <p className="fine muted">{t("twins.help.values")}</p>
      </div>
    </section>
  );
}

const plain = ["id", "model", "source", "revision", "changed_at", "known_at"];

function Fields({ model, onField }: { model: Model | undefined; onField: (field: string) => void }) {
  const { known } = useWords();
  const { names } = useModels();
  const own = (model?.properties ?? []).map((each) => [propertyField(each.name), names.property(each.name, each)] as const);
  const relations = (model?.relationships ?? []).map((each) => [`relations/${each.name}`, names.relation(each.name, model?.name)] as const);
  const always = plain.map((name) => [name, known(`twins.field.${name}`, name)] as const);
  return (
    <ul className="field-chips">
      {[...own, ...relations, ...always].map(([field, label]) => (
        <li key={field}>
          <button type="button" onClick={() => onField(field)} title={label} data-testid="help-field">
            <code>{field}</code>
            <span>{label}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
