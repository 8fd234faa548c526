-- What staff know: articles that answer what customers ask, found by words and by a ticket's own text.
CREATE TABLE crm.article (
    article_id bigint PRIMARY KEY,
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    body text NOT NULL CHECK (length(body) BETWEEN 1 AND 20000),
    topic text REFERENCES crm.ticket_topic,     -- what it is about, when about one topic
    is_active boolean NOT NULL DEFAULT true,
    used bigint NOT NULL DEFAULT 0,             -- answers that were given with it
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL);
-- Pairs of Chinese characters and other words of active articles: no dictionary, so new words are found, too.
CREATE TABLE crm.article_gram (
    gram text NOT NULL,
    article_id bigint NOT NULL,
    weight real NOT NULL,                       -- how much of the article it is: a title's counts three times
    PRIMARY KEY (gram, article_id));
CREATE INDEX article_gram_article ON crm.article_gram (article_id);
SELECT crm._access_protect_closed('crm.article', 'crm.article_gram');
