/** Values of texts that are told from a list without being an enumeration, by property. */
export const textNames: Record<string, Record<string, string>> = {
  license_status: { valid: "有效", suspended: "停业", revoked: "吊销", expired: "过期", closed: "歇业" },
  market_type: { urban: "城镇", rural: "乡村" },
  sales_period: { day: "日", week: "周", month: "月", year: "年" },
  price_unit: { pack: "包", carton: "条" },
  base_unit: { stick: "支", pack: "包", carton: "条", bottle: "瓶", piece: "个", millilitre: "毫升" },
  status: { trial: "试销", active: "在销", exit: "退市" },
  level: { country: "国家", province: "省级", prefecture: "地市级", county: "区县级" },
  trade_area: { school: "学校", office: "办公", residential: "居民", transport: "交通", tourist: "旅游" },
  store_format: {
    grocery: "食杂店",
    convenience: "便利店",
    supermarket: "超市",
    mall: "商场",
    tobacco_liquor: "烟酒店",
    entertainment: "娱乐场所",
    other: "其他",
  },
};
