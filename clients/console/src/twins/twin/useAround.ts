import { useCallback } from "react";

import type { TwinPart, WholeTwin } from "../../api/twinTypes";
import { useRemote } from "../../shared/useRemote";
import { useSession } from "../../signin/SessionProvider";
import { incomingNames } from "../models";
import { useModels } from "../useModels";
import { byIds, countOf, into } from "../walk";
import { titleFields } from "../naming";

const mostShown = 8;

/** Who points at a twin by one relation: the first few, and how many there are. */
export interface Incoming {
  name: string;
  items: TwinPart[];
  total: number;
  query: string;
}

export interface Around {
  /** What the targets of its own relations are called; those that are not there have no entry. */
  targets: Map<string, TwinPart>;
  incoming: Incoming[];
}

/** The neighbours of a twin in both directions; asked for again when its relations change, not with each change. */
export function useAround(twin: WholeTwin | null) {
  const { api } = useSession();
  const { models } = useModels();
  const id = twin?.id ?? "";
  const modelName = twin?.model ?? "";
  const relations = JSON.stringify(twin?.relations ?? []);
  const load = useCallback(
    async (signal: AbortSignal): Promise<Around | null> => {
      if (!id) return null;
      const ids = (JSON.parse(relations) as WholeTwin["relations"]).map((each) => each.target);
      const names = incomingNames(models, models.get(modelName));
      const [targets, ...incoming] = await Promise.all([
        byIds(api, ids, signal),
        ...names.map(async (name): Promise<Incoming> => {
          const query = into(name, id);
          const page = await api.twinParts({ filter: query, select: titleFields, limit: mostShown }, signal);
          const total = page.next_cursor ? await countOf(api, query, signal) : page.items.length;
          return { name, items: page.items, total, query };
        }),
      ]);
      return { targets, incoming: incoming.filter(({ total }) => total > 0) };
    },
    [api, models, id, modelName, relations],
  );
  return useRemote(load);
}
