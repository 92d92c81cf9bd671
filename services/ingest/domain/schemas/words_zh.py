"""The fields of the kinds in Chinese, in the words of the trade."""

from __future__ import annotations

_TEXT = """
abc ABC分类|account_manager_user_id 客户经理工号|adcode 行政区划代码|address 地址|adjusted_base 调整量
age_days 库龄天数|agv_no AGV编号|alias 别名|alias_kind 别名类型|alias_source 别名来源|amount 金额
amount_ex_vat 不含税金额|approved_at 批准时间|approved_by 批准人|area 区域|audience 对象|base_unit 基本单位
batch_no 批次号|biz_date 业务日期|blend_code 配方代码|brand_code 品牌代码|buyer_org 买方组织
campaign_id 活动编号|campaign_kind 活动类型|capacity_cases 容量（箱）|caps_cartons 各档限量（条）
caps_may_fall 限量可低于前档|cartons_per_master 每件条数|category 品类|changeover_min 换产分钟数|channel 渠道
checked_at 检查时间|checked_by 检查人|circumference_mm 圆周（毫米）|city_org 所属市公司|closed_at 关闭时间
collector 采集人|confidence 置信度|consent_ref 同意书编号|consumer_age 消费者年龄
consumer_born_on 消费者出生日期|consumer_id 消费者编号|consumer_phone 消费者电话|contact_phone 联系电话
contract_no 合同号|cost 费用|country 国家|currency 币种|cycle 订货周期|data_sharing_grade 数据共享等级
delivered_at 送达时间|device 终端|diff 差异|distance_m 距离（米）|due_at 应完成时间|ended_at 结束时间|event 事件
event_at 事件时间|ext 扩展方式|facings 陈列面数|fault_code 故障代码|feedback_id 反馈编号
filter_mm 滤嘴长度（毫米）|filter_rods 滤棒支数|from_at 开始时间|from_on 开始日期|from_slot 起始货位
from_wh 发货仓库|frozen 已冻结|given_at 反馈时间|good_base 合格量|grant_id 数据授权编号|hours 小时数
in_transit_base 在途量|invoice_no 发票号|is_own 是否本企业产品|item 项目|kind 类型|lab 实验室|lat 纬度
launch_date 上市日期|lead_days 交货天数|length_mm 长度（毫米）|level 层|licence_required 需许可证
license_no 专卖许可证号|license_status 许可证状态|license_valid_to 许可证有效期至|line_code 生产线代码
line_no 行号|lon 经度|lsl 规格下限|machine 机台|maker_code 生产企业代码|market_type 市场类型|material 物料
max_pallets 最多托盘数|method 投放方式|min_order 最小订量|move 作业类型|move_no 作业单号|name 名称
name_en 英文名称|name_zh 中文名称|observation_source 采集来源|observed_at 采集时间|occupied_pallets 已占托盘数
oms_no OMS订单号|on_hand_base 现存量|on_order_base 已订未到量|on_shelf 是否上柜|opened_at 开立时间
operator 操作员|order_cycle_days 订货周期天数|order_no 订单号|order_weekday 订货日（星期）|ordered_at 订货时间
ordered_on 订货日期|org_code 组织代码|org_kind 组织类型|owner_name 负责人姓名|pack_model_uri 包装模型地址
packs_per_carton 每条包数|paid 已付金额|paid_on 付款日期|pallet_no 托盘号|parent 上级|pay_kind 支付方式
period 期间|permit_no 准运证号|photo_uri 照片地址|plan_cases 计划箱数|plan_end_at 计划结束时间
plan_qty_base 计划数量|plan_start_at 计划开始时间|planned_on 计划日期|plant 工厂|po_no 采购单号
pos_enabled 已装POS|price 价格|price_allocation_ex_vat 调拨价（不含税）|price_class 价类|price_ex_vat 不含税价格
price_guide 零售指导价|price_observed 市场采集价格|price_segment 价位段|price_tag_ok 明码标价合规
price_wholesale 批发价|priority 优先级|produced_on 生产日期|promised_on 承诺日期|promo 促销|qty 数量
qty_band 数量档|qty_base 数量（基本单位）|qty_cap_base 限量（基本单位）|qty_demand_base 需求量（基本单位）
qty_order_base 订货量（基本单位）|quality 质量标志|queued_at 排队时间|rate_base_per_h 每小时产能（基本单位）
reason 原因|rec_id 推荐编号|received_at 收货时间|received_base 收货量|received_qty 收货数量|reserved_base 预留量
resolution 处理结果|retailer_code 零售户编码|retailers_ordering 订货户数|revision 版次|rework_base 返工量
roles 角色|sampled_at 取样时间|satisfaction 满意度|school_zone 学校周边|scope_adcodes 区域范围
scope_org_codes 组织范围|scope_sku_codes 品规范围|score 得分|scrap_base 报废量|sentiment 情感倾向
settle_no 结算单号|severity 严重程度|shift 班次|shipped_at 发货时间|sku_code 品规代码|sku_codes 品规代码列表
sku_group 品规组|sku_name_raw 原始品名|slot 货位|sold_at 销售时间|sold_base 销售量|source_id 来源系统编号
spec 规格说明|started_at 开始时间|state 状态|status 状态|status_at 状态时间|sticks_per_pack 每包支数
stock_base 库存量|stockout_days 断货天数|store_format 业态|subject 主题|supplier_code 供应商代码|tag 测点
tar_mg 焦油量（毫克）|task_no 任务号|test_no 检验号|text 文本|ticket_no 工单号|tier 档位|tier_scheme 档位方案
tip_paper 接装纸|to_at 结束时间|to_on 结束日期|to_org 收货组织|to_slot 目标货位|tobacco_kg 烟丝（千克）
topic 主题分类|trade_area 商圈|transfer_no 调拨单号|unit 单位|unit_price 单价|updated_at 更新时间
user_id 用户编号|usl 规格上限|valid_from 生效日期|valid_to 失效日期|value 数值|vat 税额
ventilation_pct 通风率（%）|verdict 判定|version 版本|void 作废|wecom_corpid 企业微信企业号
wecom_custom_id 企业微信客户编号|wecom_joined 已加入企业微信|wecom_userid 企业微信账号|week 周|wh_code 仓库代码
wh_kind 仓库类型|wo_no 工单号|wrap_paper_m 卷烟纸（米）|zone 库区
period_ms 采样周期（毫秒）|low 合理下限|high 合理上限
rate_per_s 每秒最大变化|may_rest 可长时间不变|shows_running 表示运行
chain_id 上下游链编号|contact_id 联系单位编号|corp_name 单位名称|custom_id 自定义编号
group_id 分组编号|group_path 上级分组
county 所属区县|is_joined 已加入|is_listed 仍在通讯录|synced_at 同步时间
"""
WORDS: dict[str, str] = dict(entry.split(" ", 1) for entry in _TEXT.replace("\n", "|").split("|") if entry)
