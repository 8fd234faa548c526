-- Behaviour and interactions.
CREATE TABLE crm.event_type (
    code text PRIMARY KEY,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    properties jsonb NOT NULL DEFAULT '{}',     -- name -> type: text, number, bool, date
    is_seeded boolean NOT NULL DEFAULT false,
    is_unknown boolean NOT NULL DEFAULT false,  -- seen, never described
    first_seen_at timestamptz);

CREATE TABLE crm.event (
    source_record_id bigint NOT NULL,
    received_at timestamptz NOT NULL,
    event_id bigint NOT NULL,
    source_id int NOT NULL,
    external_id text,
    type text NOT NULL,
    occurred_at timestamptz NOT NULL,
    business_day date NOT NULL,
    store_id int,
    object_id text,
    properties jsonb NOT NULL DEFAULT '{}',
    ignored_reason text,                -- repeated, flood (noise rules), superseded (a later delivery of the same id)
    is_history boolean NOT NULL,
    PRIMARY KEY (source_record_id, received_at, event_id)) PARTITION BY RANGE (received_at);
CREATE TABLE crm.event_default PARTITION OF crm.event DEFAULT;
CREATE INDEX event_record_time ON crm.event (source_record_id, occurred_at);

CREATE TABLE crm.interaction (
    source_record_id bigint NOT NULL,
    interaction_id bigint NOT NULL,
    revision int NOT NULL DEFAULT 1,
    is_current boolean NOT NULL DEFAULT true,
    source_id int NOT NULL,
    external_id text,
    channel text NOT NULL,              -- phone, wechat, sms, store, note ...
    direction text NOT NULL CHECK (direction IN ('in', 'out', 'none')),
    occurred_at timestamptz NOT NULL,
    business_day date NOT NULL,
    store_id int,
    staff_id int,
    body text NOT NULL DEFAULT '',
    outcome text,
    next_on date,
    is_history boolean NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (source_record_id, interaction_id, revision));
CREATE INDEX interaction_next ON crm.interaction (next_on) WHERE next_on IS NOT NULL AND is_current;

SELECT crm._access_open('crm.event_type');
SELECT crm._access_protect_fact('crm.event');
-- notes are free text and may hold anything: read through functions only
SELECT crm._access_protect_closed('crm.interaction');

INSERT INTO crm.room_setting (name, value, description) VALUES
    ('event.repeat_seconds', '1', 'the same event on the same object of one record within less than this is marked as repeated'),
    ('event.daily_limit', '500', 'events of one record beyond this many a local day are marked as flood'),
    ('event.unknown_types', '1000', 'undescribed event types that are entered in the catalogue; events beyond are kept all the same');

INSERT INTO crm.event_type (code, name_zh, name_en, properties, is_seeded) VALUES
    ('app_open', '打开小程序', 'app opened', '{"scene": "text", "device": "text"}', true),
    ('register', '注册', 'registered', '{"channel": "text", "referrer": "text"}', true),
    ('login', '登录', 'signed in', '{"method": "text"}', true),
    ('page_view', '浏览页面', 'page viewed', '{"page": "text", "seconds": "number"}', true),
    ('product_view', '浏览商品', 'product viewed', '{"product": "text", "category": "text", "price": "number", "seconds": "number"}', true),
    ('category_view', '浏览品类', 'category viewed', '{"category": "text"}', true),
    ('search', '搜索', 'searched', '{"words": "text", "results": "number"}', true),
    ('favorite', '收藏', 'added to favourites', '{"product": "text"}', true),
    ('add_to_cart', '加入购物车', 'added to cart', '{"product": "text", "quantity": "number", "price": "number"}', true),
    ('remove_from_cart', '移出购物车', 'removed from cart', '{"product": "text", "quantity": "number"}', true),
    ('cart_view', '查看购物车', 'cart viewed', '{"items": "number", "amount": "number"}', true),
    ('checkout_start', '开始结算', 'checkout started', '{"items": "number", "amount": "number"}', true),
    ('payment_failed', '支付失败', 'payment failed', '{"amount": "number", "reason": "text"}', true),
    ('coupon_view', '查看优惠券', 'coupon viewed', '{"coupon": "text"}', true),
    ('coupon_claim', '领取优惠券', 'coupon claimed', '{"coupon": "text"}', true),
    ('share', '分享', 'shared', '{"product": "text", "channel": "text"}', true),
    ('article_read', '阅读文章', 'article read', '{"article": "text", "topic": "text", "seconds": "number"}', true),
    ('video_play', '播放视频', 'video played', '{"video": "text", "seconds": "number"}', true),
    ('video_complete', '看完视频', 'video watched to the end', '{"video": "text"}', true),
    ('live_enter', '进入直播间', 'live room entered', '{"room": "text", "seconds": "number"}', true),
    ('store_locate', '查找门店', 'store looked up', '{"store": "text"}', true),
    ('store_visit', '到店', 'store visited', '{"store": "text", "way": "text"}', true),
    ('service_chat', '咨询客服', 'service chat', '{"topic": "text"}', true),
    ('review_post', '发表评价', 'review posted', '{"product": "text", "stars": "number"}', true),
    ('rating', '打分', 'rated', '{"about": "text", "stars": "number"}', true),
    ('message_open', '打开消息', 'message opened', '{"message_id": "text"}', true),
    ('message_click', '点击消息', 'message clicked', '{"message_id": "text", "link": "text"}', true),
    ('topic_follow', '关注话题', 'topic followed', '{"topic": "text"}', true),
    ('follow', '关注公众号', 'official account followed', '{"scene": "text"}', true),
    ('unfollow', '取消关注', 'official account unfollowed', '{}', true),
    ('wecom_add', '添加企业微信', 'added on WeCom', '{"staff": "text"}', true),
    ('survey_answer', '填写问卷', 'survey answered', '{"survey": "text", "score": "number"}', true);
