import type { TwinModel } from "../src/api/modelTypes";

/** Three types: a shop extends a base that extends the shop again, which must not be followed for ever. */
export const interfaces: TwinModel[] = [
  {
    name: "base",
    dtmi: "dtmi:t:base;1",
    dtdl: { "@type": "Interface", extends: "dtmi:t:shop;1", contents: [{ "@type": "Property", name: "created_at", schema: "dateTime" }] },
  },
  {
    name: "region",
    dtmi: "dtmi:t:region;1",
    dtdl: {
      "@type": "Interface",
      displayName: { en: "Region", zh: "区域" },
      contents: [{ "@type": "Relationship", name: "part_of", target: "dtmi:t:region;1", maxMultiplicity: 1 }],
    },
  },
  {
    name: "shop",
    dtmi: "dtmi:t:shop;2",
    dtdl: {
      "@type": "Interface",
      displayName: { en: "Shop", zh: "零售户" },
      extends: ["dtmi:t:base;1"],
      contents: [
        { "@type": "Property", name: "tier", schema: "integer", displayName: { zh: "档位" }, writable: true },
        { "@type": ["Property", "Temperature"], name: "heat", schema: "double", unit: "degreeCelsius" },
        { "@type": "Property", name: "is_own", schema: "boolean" },
        { "@type": "Property", name: "price", schema: "string", description: "Price, decimal per carton" },
        {
          "@type": "Property",
          name: "state",
          schema: {
            "@type": "Enum",
            valueSchema: "string",
            enumValues: [{ name: "open", enumValue: "open", displayName: { zh: "营业" } }, { name: "closed", enumValue: "closed" }],
          },
        },
        { "@type": "Property", name: "kind", schema: "dtmi:t:kinds;1" },
        { "@type": "Relationship", name: "located_in", target: "dtmi:t:region;1" },
        { "@type": "Telemetry", name: "visitors", schema: "integer" },
      ],
      schemas: [{ "@id": "dtmi:t:kinds;1", "@type": "Enum", valueSchema: "integer", enumValues: [{ name: "a", enumValue: 1 }] }],
    },
  },
];
