-- ingest_guess: a mapping guessed from the header of a file, in Chinese or English.

CREATE FUNCTION crm._ingest_fold(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT regexp_replace(lower(normalize(name, NFKC)), '[\s_\-./:()*"''“”【】\[\]]+', '', 'g') $$;
COMMENT ON FUNCTION crm._ingest_fold(text) IS 'a column''s name without case, width, spaces and signs';

-- Spreadsheets add a unit or a remark in brackets, and say whose column it is: 实付金额(元), 会员手机, 所属门店,
-- Customer Phone.
CREATE FUNCTION crm._ingest_plain(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT regexp_replace(crm._ingest_fold(regexp_replace(normalize(name, NFKC), '\(.*?\)|【.*?】|\[.*?\]', '', 'g')),
        '^(会员|客户|顾客|用户|买家|收货人|收件人|所属|归属|登记|注册|消费|购买|customer|member|buyer|client|user)', '')
$$;
COMMENT ON FUNCTION crm._ingest_plain(text) IS
    'a column''s folded name without what stands in brackets and without whose it is';

-- The names by which columns are known, best first; entity null: for all that have the field.
CREATE FUNCTION crm._ingest_known_names() RETURNS TABLE (entity text, field text, names text[])
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    VALUES
    ('member', 'external_id',
        '{会员编号,会员id,会员号,客户编号,客户id,用户id,用户编号,买家编号,会员卡号,编号,memberid,memberno,customerid,customerno,userid,externalid,openid,id}'::text[]),
    ('order', 'external_id', '{订单号,订单编号,订单id,单号,小票号,流水号,交易号,orderno,orderid,ordernumber,invoiceno,invoice,receiptno,externalid}'),
    ('order_line', 'external_id',
        '{订单号,订单编号,订单id,单号,小票号,流水号,交易号,orderno,orderid,ordernumber,invoiceno,invoice,receiptno,externalid}'),
    ('refund', 'external_id', '{退款单号,退款编号,退单号,退货单号,售后单号,refundno,refundid,externalid}'),
    ('event', 'external_id', '{事件编号,事件id,eventid,externalid}'),
    ('interaction', 'external_id', '{记录编号,跟进编号,noteid,externalid}'),
    ('product', 'external_id', '{商品编码,商品编号,货号,商品代码,条码,sku,skuid,stockcode,productcode,productid,externalid,code}'),
    ('coupon', 'external_id', '{券码,优惠券码,券号,couponcode,code,externalid}'),
    ('product', 'name', '{商品名称,商品名,品名,名称,productname,description,name,title}'),
    ('member', 'name', '{姓名,会员姓名,客户姓名,真实姓名,收件人,联系人,名字,fullname,realname,customername,membername,name}'),
    (NULL, 'nickname', '{昵称,微信昵称,nickname,nick}'),
    (NULL, 'phone', '{手机号,手机号码,手机,联系电话,联系方式,电话号码,电话,移动电话,phonenumber,mobilephone,phone,mobile,cellphone,tel,telephone}'),
    (NULL, 'email', '{邮箱,电子邮箱,电子邮件,email,emailaddress,mail}'),
    (NULL, 'sex', '{性别,gender,sex}'),
    (NULL, 'birthday', '{生日,出生日期,出生年月,birthday,birthdate,dateofbirth,dob}'),
    (NULL, 'birthday_calendar', '{生日历法,历法,birthdaycalendar}'),
    (NULL, 'member_card', '{会员卡号,卡号,membercard,cardno,cardnumber}'),
    (NULL, 'openid', '{openid,微信openid}'),
    (NULL, 'unionid', '{unionid,微信unionid}'),
    ('member', 'wecom_id', '{企微id,企业微信id,externaluserid,wecomid}'),
    ('member', 'dingtalk_id', '{钉钉id,钉钉号,dingtalkid,dinguserid}'),
    (NULL, 'national_id', '{身份证号,身份证号码,身份证,idcard,nationalid}'),
    (NULL, 'province', '{省份,省,province,state}'),
    (NULL, 'city', '{城市,市,city}'),
    (NULL, 'district', '{区县,区,县,district,county}'),
    (NULL, 'address', '{地址,详细地址,收货地址,联系地址,address,street}'),
    (NULL, 'note', '{备注,说明,note,notes,remark,remarks,comment}'),
    (NULL, 'registered_at',
        '{注册时间,注册日期,开卡时间,开卡日期,入会时间,入会日期,登记日期,登记时间,关注时间,registeredat,registrationdate,createdat,joinedat,signupdate}'),
    (NULL, 'store_code',
        '{门店,门店编码,门店编号,门店代码,店铺,店号,开卡门店,登记门店,门店名称,门店名,店铺名称,店名,storecode,storeid,store,shop,branch,storename,shopname}'),
    ('order', 'ordered_at',
        '{下单时间,订单时间,下单日期,订单日期,交易时间,交易日期,消费时间,销售时间,付款时间,orderedat,ordertime,orderdate,invoicedate,createdat,date,time}'),
    ('order_line', 'ordered_at',
        '{下单时间,订单时间,下单日期,订单日期,交易时间,交易日期,消费时间,销售时间,付款时间,orderedat,ordertime,orderdate,invoicedate,createdat,date,time}'),
    (NULL, 'paid_at', '{支付时间,付款时间,paidat,paymenttime,paytime}'),
    ('order', 'status', '{订单状态,状态,orderstatus,status}'),
    ('order_line', 'status', '{订单状态,状态,orderstatus,status}'),
    (NULL, 'member_external_id',
        '{会员编号,会员id,会员号,客户编号,客户id,用户id,买家编号,会员卡号,memberid,memberno,customerid,customerno,userid,memberexternalid}'),
    (NULL, 'member_source', '{会员来源,来源,membersource,source}'),
    ('order', 'amount', '{实付金额,实收金额,订单金额,支付金额,总金额,金额,amount,total,totalamount,paidamount}'),
    ('refund', 'amount', '{退款金额,退货金额,金额,refundamount,amount}'),
    ('order_line', 'amount', '{订单金额,订单实付,实付总额,orderamount,ordertotal}'),
    (NULL, 'discount', '{优惠金额,折扣金额,discount,discountamount}'),
    (NULL, 'coupon_code', '{优惠券,优惠券码,券码,couponcode,coupon}'),
    (NULL, 'currency', '{币种,货币,currency}'),
    (NULL, 'line_key', '{行号,明细号,原行号,序号,lineno,linenumber,lineid,linekey}'),
    (NULL, 'product_code', '{商品编码,商品编号,货号,商品代码,条码,sku,skuid,stockcode,productcode,productid,itemcode}'),
    (NULL, 'product_name', '{商品名称,商品名,品名,商品,productname,itemname,description,product}'),
    (NULL, 'category_code', '{品类编码,分类编码,类别编码,品类,分类,类别,categorycode,category}'),
    (NULL, 'category_name', '{品类名称,分类名称,类别名称,categoryname}'),
    (NULL, 'quantity', '{数量,件数,购买数量,销售数量,quantity,qty,count}'),
    (NULL, 'unit_price', '{单价,售价,价格,unitprice,price}'),
    (NULL, 'line_amount', '{小计,行金额,商品金额,实付金额,实收金额,金额,lineamount,linetotal,subtotal,amount}'),
    (NULL, 'list_price', '{零售价,标价,吊牌价,价格,listprice,price}'),
    (NULL, 'refill_days', '{复购周期,补货周期,refilldays}'),
    ('refund', 'order_external_id', '{原单号,原订单号,订单号,订单编号,orderno,orderid,originalorder,orderexternalid}'),
    ('coupon', 'order_external_id', '{核销单号,订单号,orderno,orderexternalid}'),
    (NULL, 'refunded_at', '{退款时间,退款日期,退货时间,退货日期,refundedat,refunddate,refundtime,date,time}'),
    (NULL, 'reason', '{退款原因,退货原因,原因,reason}'),
    (NULL, 'type', '{事件类型,行为类型,事件,类型,eventtype,type,event}'),
    (NULL, 'occurred_at', '{发生时间,事件时间,跟进时间,沟通时间,时间,occurredat,eventtime,timestamp,at,time,date}'),
    (NULL, 'device', '{设备号,设备id,设备,deviceid,device}'),
    (NULL, 'object_id', '{对象,商品编码,页面,objectid,object,productid}'),
    ('interaction', 'channel', '{沟通方式,跟进方式,渠道,方式,channel}'),
    ('consent', 'channel', '{渠道,channel}'),
    (NULL, 'direction', '{方向,呼叫方向,direction}'),
    (NULL, 'staff_code', '{员工编号,员工,店员,跟进人,导购,staffcode,staff,employee}'),
    (NULL, 'body', '{内容,跟进内容,沟通内容,备注,body,content,text,note,notes}'),
    (NULL, 'outcome', '{结果,跟进结果,outcome,result}'),
    (NULL, 'next_on', '{下次跟进,下次跟进日期,nexton,nextdate}'),
    ('consent', 'state', '{是否同意,同意,状态,consent,state,status}'),
    ('coupon', 'state', '{状态,券状态,state,status}'),
    (NULL, 'evidence', '{凭证,证据,evidence}'),
    (NULL, 'coupon_type', '{券种,券类型,优惠券类型,coupontype,type}'),
    (NULL, 'issued_at', '{发放时间,发放日期,领取时间,issuedat,issuedate}'),
    (NULL, 'valid_until', '{有效期至,到期时间,失效时间,validuntil,expiresat,expirydate}'),
    (NULL, 'redeemed_at', '{核销时间,使用时间,redeemedat,usedat}'),
    (NULL, 'updated_at', '{更新时间,修改时间,上传时间,updatedat,modifiedat}')
$$;
COMMENT ON FUNCTION crm._ingest_known_names() IS 'how files call the fields, in Chinese and English, folded, best first';

CREATE FUNCTION crm.ingest_guess_mapping(entity text, header text) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    columns text[] := crm._ingest_csv_fields(header);
    fields jsonb;
    id_column text;
BEGIN
    SELECT coalesce(jsonb_object_agg(g.field, g.name), '{}') INTO fields
    FROM (SELECT DISTINCT ON (f.field) f.field, btrim(c.name) AS name
          FROM unnest(crm._ingest_fields(entity)) f(field)
          CROSS JOIN unnest(columns) WITH ORDINALITY c(name, position)
          -- as it stands, else as it is without its additions
          CROSS JOIN LATERAL (VALUES (0, crm._ingest_fold(c.name)), (1, crm._ingest_plain(c.name))) w(additions, word)
          LEFT JOIN crm._ingest_known_names() k ON k.field = f.field AND coalesce(k.entity, ingest_guess_mapping.entity) = ingest_guess_mapping.entity
          WHERE w.word <> '' AND f.field <> 'items' AND (w.word = crm._ingest_fold(f.field) OR w.word = ANY (k.names))
          ORDER BY f.field, w.additions, w.word <> crm._ingest_fold(f.field), k.entity IS NULL, array_position(k.names, w.word), c.position) g;
    -- members of a list without ids: a card, an openid, or the keyed hash of the phone stands for one
    IF entity = 'member' AND NOT fields ? 'external_id' THEN
        id_column := coalesce(fields ->> 'member_card', fields ->> 'openid');
        fields := fields || CASE
            WHEN id_column IS NOT NULL THEN jsonb_build_object('external_id', id_column)
            WHEN fields ? 'phone' THEN jsonb_build_object('external_id',
                    jsonb_build_object('column', fields ->> 'phone', 'transform', '["digits", "hash"]'::jsonb))
            ELSE '{}' END;
    END IF;
    -- goods of a list without codes go by their names
    IF entity = 'order_line' AND NOT fields ? 'product_code' AND fields ? 'product_name' THEN
        fields := fields || jsonb_build_object('product_code', fields ->> 'product_name');
    END IF;
    -- and orders of a list without goods have one amount
    IF entity = 'order_line' AND NOT fields ? 'product_code' AND fields ? 'line_amount' THEN
        fields := jsonb_build_object('amount', fields ->> 'line_amount') || (fields - 'line_amount');
    END IF;
    RETURN jsonb_build_object('fields', fields);
END
$$;
COMMENT ON FUNCTION crm.ingest_guess_mapping(text, text) IS
    'a mapping for a CSV header in Chinese or English: fields whose columns are recognised; look at it, test it, '
    'then crm.ingest_define_mapping(); RM216 for an unknown entity';
GRANT EXECUTE ON FUNCTION crm.ingest_guess_mapping(text, text) TO crm_admin, crm_steward;
