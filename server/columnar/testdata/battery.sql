# numbers
select id, i + j, i - j, i * j, i / j, i div j, i % j, -i from num where id <> 7 order by id
select id, m + p, m - i, m * p, m / p, m % p, m div p, -m, m / i, i / m from num order by id
select id, x + 1, x * 2, x / 3, x - i, x + m, x % 7, -x, x div 3 from num where id not in (5, 7) order by id
select id, m / 3 * 3000, (i / 7) * 7, m / i / j, p * p * p, p / 3 + p / 3 from num order by id
select id, round(i), round(i, -1), round(m), round(m, 2), round(m, -2), round(p, 1), round(x), round(x, 1), round(m, j) from num order by id
select id, truncate(i, -1), truncate(m, 2), truncate(m, 0), truncate(p, -1), truncate(x, 1), truncate(m, 10) from num order by id
select id, floor(i), floor(m), floor(x), ceil(m), ceil(p), ceiling(x), abs(i), abs(m), abs(x), sign(i), sign(m), sign(x) from num order by id
select id, sqrt(abs(m)), power(p, 2), exp(p / 100000000), ln(i), log2(i), log10(i), log(2, i), sqrt(i) from num order by id
select id, sin(i), cos(x), tan(i), atan(m), atan2(i, j), degrees(p), radians(i), asin(i), acos(x), cot(j) from num where id in (4, 9) order by id
select id, mod(i, j), mod(m, 7), mod(x, 3), crc32(i), conv(i, 10, 16), conv(i, 10, 2), bin(i), oct(i), hex(i) from num order by id
select id, format(i, 2), format(m, 3), format(p, 0), format(x, 2), format(m, 10) from num order by id
select id, i & 6, i | 6, i ^ 6, i << 2, i >> 1, bit_count(i) from num order by id
select id, greatest(i, j), least(i, j), greatest(i, m), least(x, i), greatest(p, m, i), least(m, null) from num order by id
select id, concat(i), concat(m), concat(p), concat(x), concat(b), concat(m / 3), concat(x / 3) from num order by id
select id, cast(m as signed), cast(p as unsigned), cast(x as signed), cast(i as decimal(10,2)), cast(m as decimal(10,1)), cast(x as decimal(12,3)), cast(i as char), cast(m as char(3)), cast(i as double) from num order by id
select id, cast(i as unsigned), cast(m as decimal(5,2)), cast(i as decimal(4,1)), cast(x as decimal(30,10)), cast(m as date), cast(p as time) from num order by id
select id, i = m, i < x, m = x, p > i, b = 1, b = true, b is true, b is not true, not b, i <=> j, m <=> null from num order by id
select id, i between 0 and 100, m in (2.5, 10), x in (2.5, 0.1), i in (7, null), i not in (7, 42), i not in (7, null) from num order by id
select id, if(i, 'y', 'n'), if(m, 1, 0), ifnull(i, m), coalesce(null, p, x), nullif(i, j), nullif(m, 2.5), case i when 7 then 'seven' when 42 then 'x' else 'other' end from num order by id
select id, case when b then i else x end, cast(if(b, i, m) as decimal(30,6)), cast(case when i > 0 then m when i < 0 then p end as decimal(30,6)), ifnull(m, 'none'), coalesce(i, 'x') from num order by id
select id, i and j, i or j, i xor j, not i, not m, m and p, x or null, b and i from num order by id
select i + 9223372036854775807 from num where id = 2
select cast(i as unsigned) - 5 from num where id = 2
select exp(i) from num where id = 6
select p * 100000000000000000000 * 100000000000000 from num where id = 4
# texts
select id, upper(s), lower(s), length(s), char_length(s), reverse(s), hex(s), ascii(s), ord(s), bit_length(k) from txt order by id
select id, left(s, 2), right(s, 3), substring(s, 2), substring(s, 2, 2), substring(s, -3), substring(s, -3, 2), substring(s, 0), substring(s, 0, 2), mid(s, 3, 1) from txt order by id
select id, left(s, id - 3), right(s, id - 3), substring(s, id - 10), substring(s, 1, id - 5), repeat(k, id - 3), space(id - 27) from txt order by id
select id, lpad(s, 6, '*-'), rpad(s, 6, '*-'), lpad(s, 2, 'x'), rpad(s, 0, 'x'), lpad(s, -1, 'x'), lpad(s, 10, ''), repeat(s, 2) from txt order by id
select id, trim(s), ltrim(s), rtrim(s), trim(both 'x' from k), trim(leading 'a' from s), trim(trailing 'C ' from s), trim(k) from txt order by id
select id, concat(s, '|', k), concat_ws('-', s, k, 'z'), concat_ws(',', null, s), insert(s, 2, 2, 'ZZ'), replace(s, 'b', '[B]'), replace(s, k, '*') from txt order by id
select id, locate('b', s), locate('B', k), instr(s, 'C'), locate('a', s, 2), position('X' in s), locate('', s), instr(s, 'ss') from txt order by id
select id, substring_index(s, '.', 1), substring_index(s, '.', -2), substring_index(s, 'x', 1), substring_index(s, 'X', -1), substring_index(s, ',', 2), substring_index(s, 'zz', 1) from txt order by id
select id, find_in_set('b', s), find_in_set('B', k), find_in_set(k, s), elt(id, 'a', 'b', 'c'), field(s, 'abc', 'straße'), field(k, 'abc', 'ABC'), strcmp(s, 'abc'), strcmp(k, 'abc') from txt order by id
select id, s = 'abc', s = 'ABC ', s = 'strasse', k = 'ABC', s < 'b', s >= 'www', s = '', s in ('ABC', 'strasse', 'aei'), k in ('abc', 'B'), s <=> null from txt order by id
select id, s like 'a%', s like '%b%', k like 'A%', s like '_b_', s like '%\\_%', s like '100|%%' escape '|', s like 'strasse', s like 'STRASSE%', s like 'ab_', s like '', s not like '%a%' from txt order by id
select id, s like k, k like s, s like concat('%', k, '%'), 'abc' like concat(left(s, 1), '%') from txt order by id
select id, s regexp '^a', s regexp '[0-9]+', k regexp 'B', s rlike 'C$', s not regexp 'b', regexp_like(s, 'A', 'c'), regexp_like(k, 'A', 'i') from txt where id <> 5 order by id
select id, regexp_replace(s, '[0-9]', '#'), regexp_replace(s, 'b', 'Z', 1, 1), regexp_substr(s, '[a-z]+'), regexp_substr(s, '[0-9]+', 1, 2), regexp_instr(s, '[0-9]') from txt where id <> 5 order by id
select id, s + 0, s * 1, k + 1, s = 0, s > 5, -s, abs(s), round(s, 1), s / 2, s div 2, s % 5 from txt where id <> 26 order by id
select id, cast(s as signed), cast(s as unsigned), cast(k as signed), cast(s as decimal(10,2)), cast(s as double), cast(s as char(3)), cast(s as date), cast(s as datetime), cast(s as datetime(3)), cast(s as time) from txt where id <> 26 order by id
select id, date(s), year(s), month(s), day(s), hour(s), minute(s), dayofweek(s), last_day(s), to_days(s), datediff(s, '2026-01-01') from txt order by id
select id, str_to_date(s, '%Y-%m-%d'), str_to_date(s, '%d/%m/%Y'), str_to_date(s, '%Y-%m-%d %H:%i:%s'), str_to_date(s, '%H:%i:%s'), str_to_date(s, '%M %e, %Y'), str_to_date(k, '%b %d %y') from txt order by id
select id, date_add(s, interval 1 day), s + interval 1 month, date_sub(s, interval 1 hour), date_format(s, '%Y/%m'), time(s), timestamp(s) from txt order by id
select id, sha2(s, 256), to_base64(s), unhex(hex(s)), soundex(s), crc32(s) from txt where id not in (3, 4, 14, 15, 25) order by id
select id, if(s, 1, 0), s and 1, not s, ifnull(s, 'null'), nullif(s, 'ABC'), coalesce(s, k, 'x'), greatest(s, k), least(s, 'B'), case s when 'abc' then 1 when 'strasse' then 2 else 3 end from txt order by id
select id, json_valid(s), json_extract(s, '$.a'), json_extract(s, '$.bb[1]'), s -> '$.bb', s ->> '$.bb[1]' from txt where id = 13
select id, k -> '$.b', k ->> '$.a', json_extract(k, '$.b.c[last].d'), json_extract(k, '$.a', '$.b.c[0]'), json_length(k), json_length(k, '$.b.c'), json_keys(k), json_type(k), json_unquote(json_extract(k, '$.a')), json_extract(k, '$**.d'), json_contains(k, '1', '$.b.c'), json_value(k, '$.a') from txt where id = 13
select id, json_extract(k, '$[1]'), json_extract(k, '$[*]'), json_type(json_extract(k, '$[0]')), json_extract(k, '$[0]') + 1, json_extract(k, '$[0]') = 1 from txt where id = 28
select json_object('id', id, 's', s), json_array(id, s, null, 1.5, true) from txt where id in (1, 4, 14, 16) order by id
# dates
select id, year(d), quarter(d), month(d), day(d), dayofmonth(d), dayofweek(d), weekday(d), dayofyear(d), week(d), weekofyear(d), yearweek(d) from day order by id
select id, week(d, 0), week(d, 1), week(d, 2), week(d, 3), week(d, 4), week(d, 5), week(d, 6), week(d, 7), yearweek(d, 0), yearweek(d, 1), yearweek(d, 2), yearweek(d, 3), yearweek(e, 4), yearweek(e, 7) from day order by id
select id, dayname(d), monthname(d), last_day(d), last_day(ts), to_days(d), from_days(to_days(d)), datediff(d, e), datediff(ts, e) from day order by id
select id, hour(ts), minute(ts), second(ts), microsecond(ts), time(ts), date(ts), time_to_sec(ts), extract(year_month from d), extract(day_hour from ts), extract(minute_second from ts), extract(hour_microsecond from ts), extract(day_microsecond from ts), extract(quarter from d), extract(week from d) from day order by id
select id, date_format(ts, '%Y-%m-%d %H:%i:%s.%f'), date_format(d, '%a %b %c %D %d %e %j %M %m %W %w %y'), date_format(ts, '%h %I %k %l %p %r %T'), date_format(d, '%U %u %V %v %X %x'), date_format(d, '%Y%m'), date_format(ts, '%x-%v'), date_format(d, '%%Y %q') from day order by id
select id, d + interval 1 day, d - interval 1 day, d + interval 1 month, d - interval 1 month, d + interval 1 year, d + interval 1 quarter, d + interval 1 week, d + interval id day from day order by id
select id, d + interval 1 hour, d + interval 90 minute, d - interval 1 second, ts + interval 1 day, ts - interval 1 month, ts + interval 1.5 second, date_add(d, interval 1.5 day) from day order by id
select id, adddate(d, 3), subdate(d, interval 2 day), adddate(ts, 1), date_sub(ts, interval 3 microsecond), timestampadd(month, 2, d), timestampadd(minute, 3, ts) from day order by id
select id, timestampdiff(day, d, e), timestampdiff(month, d, e), timestampdiff(year, e, ts), timestampdiff(hour, ts, e), timestampdiff(week, e, d), timestampdiff(quarter, d, e), timestampdiff(second, e, ts), timestampdiff(microsecond, e, ts) from day order by id
select id, d = '2026-01-05', d >= '2026-1-5', d < '20260131', d = ts, ts > '2026-01-05 10:11:12', d between '2025-12-01' and '2026-01-31', d in ('2026-01-05', '2024-02-29'), ts = '2000-01-01 00:00:01.000001', d > 20260101 from day order by id
select id, d + 0, ts + 0, concat(d), concat(ts), concat(d, ' x'), length(d), left(ts, 10), d = concat(d, ''), cast(d as char), cast(ts as date), cast(d as datetime), cast(ts as datetime), cast(ts as datetime(2)), cast(ts as time), cast(d as signed), cast(ts as signed), cast(ts as char) from day where id <> 12 order by id
select id, unix_timestamp(ts), unix_timestamp(d), from_unixtime(unix_timestamp(d)), from_unixtime(unix_timestamp(d), '%Y-%m'), convert_tz(ts, '+00:00', '+09:00'), convert_tz(ts, '+09:00', '-05:00') from day where id <> 12 order by id
select id, greatest(d, e), least(d, e), greatest(d, ts), ifnull(d, e), coalesce(d, ts), if(id > 5, d, e), nullif(d, e), case when id > 3 then d else ts end, ifnull(d, 'none'), max(d) over (), min(ts) over () from day order by id
select id, timediff(ts, d), time_format(ts, '%H:%i') from day order by id
select id, year(d) * 100 + month(d), d - 0, date_format(d, '%Y-%m-01'), str_to_date(concat(year(d), '-', month(d), '-01'), '%Y-%m-%d'), date_sub(d, interval weekday(d) day), date_format(date_sub(d, interval dayofmonth(d) - 1 day), '%Y-%m-%d') from day order by id
# aggregates
select count(*), count(clicks), sum(clicks), sum(cost), avg(clicks), avg(cost), min(cost), max(cost), sum(ctr), avg(ctr), min(campaign), max(campaign), min(day), max(day) from perf
select day, count(*), sum(impressions), sum(clicks), sum(cost), sum(clicks) / sum(impressions), sum(cost) / sum(clicks), round(sum(cost) / nullif(sum(clicks), 0), 2) from perf group by day order by day
select campaign, count(*), sum(cost) from perf group by campaign order by sum(cost) desc
select upper(campaign) c, device, sum(clicks) from perf group by upper(campaign), device order by c, device
select device, count(distinct campaign), count(distinct day, campaign), group_concat(distinct campaign_id order by campaign_id), avg(cost) * 3, avg(cost) + 0 from perf group by device order by device
select device, avg(clicks), avg(clicks) * 3, avg(clicks) / 7, std(clicks), variance(clicks), stddev_samp(clicks), var_samp(clicks), stddev_pop(cost), sum(distinct clicks), avg(distinct clicks) from perf group by device order by device
select group_concat(clicks order by clicks), group_concat(distinct device order by device desc separator '; '), group_concat(campaign_id, ':', clicks order by day, campaign_id, clicks), group_concat(cost order by cost desc) from perf
select group_concat(distinct upper(campaign) order by upper(campaign)), bit_and(clicks), bit_or(clicks), bit_xor(clicks), bit_and(campaign_id) from perf
select count(*), sum(cost), avg(cost), max(campaign), group_concat(campaign), count(distinct campaign), bit_and(clicks), std(clicks) from perf where campaign_id = 99
select day, sum(cost) c from perf group by day having sum(cost) > 5 order by c desc
select campaign_id, avg(cost) a from perf group by campaign_id having a > 1.3333333 order by a
select year(day), month(day), sum(impressions) from perf group by year(day), month(day)
select sum(i), sum(m), sum(p), sum(x), avg(i), avg(p), sum(b), avg(b), max(b), sum(i * j), sum(m / 3), avg(m / 3) from num where id <> 7
select sum(id + 0.1), avg(id / 3), sum(id) / count(*), max(i) - min(i), sum(if(b, 1, 0)), sum(b = 1), count(nullif(b, 0)), sum(case when i > 0 then m else 0 end) from num where id <> 7
select distinct campaign from perf order by campaign
select distinct device from perf order by device
select count(distinct s), count(distinct k), min(s), max(s), min(k), max(k) from txt
select s, count(*) from txt group by s having count(*) > 1
select id from txt order by s, id
select id from txt order by k desc, id
select id, s from txt order by s desc, id limit 5
select id, i from num order by i
select id, m from num order by m desc limit 3 offset 1
select id from day order by d desc, id limit 4
select id from num order by b, x desc
select id from num order by i % 3, id
# joins
select p.day, c.name, p.device, p.cost from perf p join camp c on p.campaign_id = c.id order by p.day, p.device, p.cost
select c.id, c.name, sum(p.clicks) from camp c left join perf p on p.campaign_id = c.id group by c.id, c.name order by c.id
select p.campaign, c.id from perf p join camp c on p.campaign = c.name order by p.campaign, c.id, p.day, p.device
select distinct p.campaign_id, c.status from perf p left join camp c on c.id = p.campaign_id order by 1
select p.campaign_id, c.id from perf p right join camp c on c.id = p.campaign_id and p.device = 'MOBILE' order by c.id, p.day
select a.id, b.id from camp a cross join camp b where a.id < b.id order by 1, 2
select name from camp where id in (select campaign_id from perf) order by name
select name from camp where id not in (select campaign_id from perf) order by name
select name from camp where name in (select campaign from perf) order by name
select name from camp c where exists (select 1 from perf p where p.campaign_id = c.id and p.clicks > 5) order by name
select name from camp c where not exists (select 1 from perf p where p.campaign_id = c.id) order by name
select name, (select sum(cost) from perf p where p.campaign_id = c.id) spent, (select max(day) from perf) from camp c order by id
select name, budget, budget > (select avg(budget) from camp) from camp order by id
select id, (select campaign from perf where campaign_id = camp.id) from camp
select * from (select campaign_id, sum(cost) s from perf group by campaign_id) t where s > 1 order by s
select t.day, t.c, t.c / x.total from (select day, sum(cost) c from perf group by day) t, (select sum(cost) total from perf) x order by 1
select c * 3, r * 1000 from (select avg(cost) c, sum(clicks) / sum(impressions) r from perf group by campaign_id) t order by 1
with d as (select day, sum(cost) c from perf group by day) select a.day, a.c, b.c, a.c - b.c from d a left join d b on b.day = a.day - interval 1 day order by a.day
with recursive n as (select 1 x union all select x + 1 from n where x < 5) select n.x, count(p.campaign_id) from n left join perf p on p.campaign_id = n.x group by n.x order by n.x
select campaign from perf union select name from camp order by 1
select campaign_id from perf union all select id from camp order by 1
select campaign_id, 'x' from perf where clicks > 9 union select id, budget from camp order by 1, 2
select day from perf union select created from camp order by 1
select campaign_id from perf intersect select id from camp order by 1
select id from camp except select campaign_id from perf order by 1
# windows
select day, device, cost, row_number() over (order by day, device, cost) rn, sum(cost) over (partition by day) ds, sum(cost) over (order by day) run, avg(clicks) over (partition by device) a from perf order by rn
select campaign, cost, rank() over (partition by campaign order by cost desc) r, dense_rank() over (order by campaign) dr, lag(cost) over (order by day, device, cost) l, lead(cost, 2, 0) over (order by day, device, cost) ld from perf order by day, device, cost
select day, device, first_value(device) over (partition by day order by cost desc) f, last_value(cost) over (partition by day order by cost rows between unbounded preceding and unbounded following) lv, ntile(3) over (order by day, device, cost) n, percent_rank() over (order by cost) pr from perf order by day, device, cost
select day, sum(cost) over (order by day, device, cost rows between 1 preceding and 1 following) s, max(campaign) over (order by day, device, cost) m, count(*) over (partition by campaign) c from perf order by day, device, cost
select campaign_id, c, rank() over (order by c desc) from (select campaign_id, sum(cost) c from perf group by campaign_id) t order by 3, 1
select * from (select campaign_id, day, cost, row_number() over (partition by campaign_id order by cost desc) rn from perf) t where rn = 1 order by campaign_id
# quotients that are cut, not rounded: their digits fill whole words
select id, cast(m as decimal(30,5)) / 3, cast(p as decimal(10,5)) / 7, m / 3.00000, p / 3.1, 2.00000 / id, 2.0000 / id from num order by id
select avg(v), avg(v) * 3, sum(v) / 3, max(v / 7) from (select cast(m as decimal(30,5)) v from num) t
