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
# generated: expressions
select id, 0.001, concat_ws('x','',id) from day order by id
select day, campaign_id, device, campaign, campaign from perf order by day, campaign_id, device
select day, campaign_id, device, device, ((floor(ctr) / cast('12' as double)) * ((ctr / ctr) * year(day))) from perf order by day, campaign_id, device
select id, (ts - interval -2 second), id from day order by id
select id, -(-2.50), lower('2026-01-05') from day order by id
select id, lpad('2026-01-05',7,upper(right('a',2))), round(0.001,1) from txt where id <> 26 order by id
select id, sign(0.25), b from num order by id
select id, (round(cast('x' as double),-1) + 2.5e0), last_day(ts) from day order by id
select id, round(3.14159,3), lower(concat_ws(s,repeat(s,2),cast(id as char))) from txt where id <> 26 order by id
select day, campaign_id, device, date((day + interval 3 minute)), cost from perf order by day, campaign_id, device
select day, campaign_id, device, device, round(coalesce(cost,cost),0) from perf order by day, campaign_id, device
select id, ((id - id) % 100), ('2026-01-05' <=> '12') from day order by id
select day, campaign_id, device, round(timestampdiff(month,day,day),-1), repeat(campaign,2) from perf order by day, campaign_id, device
select day, campaign_id, device, impressions, (ctr / 0.001) from perf order by day, campaign_id, device
select id, 100, ts from day order by id
select day, campaign_id, device, reverse(conv(impressions,10,16)), ((ctr / cost) - abs(cost)) from perf order by day, campaign_id, device
select id, false, id from day order by id
select id, (repeat(format(id,2),2) is not null), (sqrt(abs(0.001)) * id) from txt where id <> 26 order by id
select id, (floor(-0.5e0) / id), (((ts + interval -2 day) - interval 0 second) - interval 3 second) from day order by id
select day, campaign_id, device, ceil(2.5e0), -0.5e0 from perf order by day, campaign_id, device
select day, campaign_id, device, day, cost from perf order by day, campaign_id, device
select id, round(-2.50,2), (ts + interval 1 day) from day order by id
select id, j, x from num order by id
select id, datediff(str_to_date('abc','%Y-%m-%d'),cast(s as date)), (1e0 * 0) from txt where id <> 26 order by id
select id, ((id % id) is null), id from txt where id <> 26 order by id
select id, (cast(concat_ws('12','3.7x',p) as datetime) - interval 5 second), (p / (m * j)) from num order by id
select id, id, adddate((d + interval 5 year),3) from day order by id
select day, campaign_id, device, round((cost - clicks)), device from perf order by day, campaign_id, device
select id, sign(abs(100)), (format(j,2) like replace('B','3.7x','12')) from num order by id
select day, campaign_id, device, cost, (ctr / truncate(ctr,0)) from perf order by day, campaign_id, device
select id, round((abs(3.14159) * id),2), floor(2.5e0) from txt where id <> 26 order by id
select day, campaign_id, device, day, 2.5e0 from perf order by day, campaign_id, device
select id, right(upper(concat_ws('%b%',s,'%b%')),3), -(1.5) from txt where id <> 26 order by id
select id, abs((-0.5e0 / 0.001)), (coalesce(3.14159,0.001) / (0.001 / 3.14159)) from txt where id <> 26 order by id
select day, campaign_id, device, clicks, -(cost) from perf order by day, campaign_id, device
select day, campaign_id, device, (str_to_date('','%Y-%m-%d') + interval 3 minute), (-2.50 is null) from perf order by day, campaign_id, device
select id, format(0.25,2), week(str_to_date(nullif('','B'),'%Y-%m-%d'),1) from day order by id
select day, campaign_id, device, substring_index(campaign,'3.7x',impressions), campaign from perf order by day, campaign_id, device
select id, d, (1e0 * 2.5e0) from day order by id
select day, campaign_id, device, nullif(device,campaign), day from perf order by day, campaign_id, device
select id, (false is true), 'a' from day order by id
select id, ('a' in (cast(10 as char),reverse('%b%'))), -0.5e0 from day order by id
select id, upper(substring(coalesce(s,s),2)), true from txt where id <> 26 order by id
select id, ((cast('a' as datetime) + interval -1 day) - interval 3 second), ((abs(1.5) / length('B')) + (cast(-0.5e0 as decimal(12,3)) / (0.001 - id))) from day order by id
select id, (abs(2.5e0) < (10.0 + 10.0)), (id is null) from txt where id <> 26 order by id
select id, '', e from day order by id
select id, '%b%', ((ts + interval 1 hour) is null) from day order by id
select id, ceil(ceil(x)), (round((m * 0),-1) / ceil(1)) from num order by id
select id, ((cast('3.7x' as datetime) + interval -2 hour) - interval 2 second), ((truncate(0.25,1) * id) * char_length(lower('3.7x'))) from day order by id
select day, campaign_id, device, concat_ws(least(campaign,device),device,substring('abc',2,-1)), (timestampdiff(day,day,day) - impressions) from perf order by day, campaign_id, device
select id, i, rpad('3.7x',-1,concat('3.7x',1e0)) from num order by id
select day, campaign_id, device, ((cost % 0) * case when false then clicks else impressions end), if(false,day,day) from perf order by day, campaign_id, device
select day, campaign_id, device, ('3.7x' < device), greatest(day,day) from perf order by day, campaign_id, device
select id, (round((1.5 + 3.14159)) % if((1e0 < 1.5),nullif(id,id),char_length(k))), repeat('%b%',2) from txt where id <> 26 order by id
select id, p, (2.5e0 * p) from num order by id
select id, 1e0, abs((3.14159 % id)) from day order by id
select day, campaign_id, device, cast(campaign as double), cast(device as datetime) from perf order by day, campaign_id, device
select day, campaign_id, device, to_days(day), (day >= '2026-01-05') from perf order by day, campaign_id, device
select day, campaign_id, device, (left(device,2) <=> cast(campaign_id as char)), (adddate(day,-2) + interval 2 year) from perf order by day, campaign_id, device
select id, (nullif(upper(''),hex('')) = coalesce(round(1.5),m)), (m in (p,m)) from num order by id
select id, reverse('12'), b from num order by id
select id, (sign(-0.5e0) <> round(0.25)), (case when true then id else id end / sign(1e3)) from day order by id
select id, cast('12' as datetime), id from txt where id <> 26 order by id
select id, truncate((-(0.25) % floor(id)),-1), (0.25 not in (-2.50,1e0)) from day order by id
select id, abs(1e0), id from txt where id <> 26 order by id
select id, -(3.14159), substring(date_format(e,'%Y-%m-%d %W %j'),-1,3) from day order by id
select id, ((cast('x' as datetime) + interval 10 day) - interval 5 second), ceil(to_days(d)) from day order by id
select id, ('abc' + 0), ((0.25 / id) % 100) from day order by id
select id, (cast(x as char) like lpad('2026-01-05',1,'3.7x')), 'B' from num order by id
select id, true, (ts is not null) from day order by id
select day, campaign_id, device, 0.001, cost from perf order by day, campaign_id, device
select id, ('12' in ('2026-01-05','3.7x')), (lpad(coalesce('a',''),1,if(b,'3.7x','x')) < substring_index(substring('%b%',3,1),'12',3)) from num order by id
select id, substring(greatest('3.7x',concat_ws('2026-01-05','',i)),1), b from num order by id
select id, b, x from num order by id
select id, true, coalesce(case when false then j else 0 end,100) from num order by id
select id, abs(round(m,3)), sqrt(abs(x)) from num order by id
select id, (((0.001 / id) * month(d)) <> ceil(floor(1e0))), ts from day order by id
select id, (i + (j - 0)), least(0,j) from num order by id
select day, campaign_id, device, ctr, date_format(day,'%Y-%m-%d %W %j') from perf order by day, campaign_id, device
select day, campaign_id, device, (campaign = campaign), ascii(nullif(campaign,device)) from perf order by day, campaign_id, device
select id, '2026-01-05', true from txt where id <> 26 order by id
select id, trim(least(s,k)), (strcmp(s,k) is null) from txt where id <> 26 order by id
select id, id, e from day order by id
select id, cast('abc' as datetime), i from num order by id
select day, campaign_id, device, length(repeat(campaign,2)), ((3 / impressions) - (campaign_id + 3)) from perf order by day, campaign_id, device
select id, 3.14159, (s is null) from txt where id <> 26 order by id
select id, least(trim('%b%'),replace('2026-01-05','12','%b%')), (true) from day order by id
select id, ('%b%' + 0), -0.5e0 from day order by id
select id, cast(rpad('a',5,'2026-01-05') as date), (0.001 between ceil((2.5e0 - 1.5)) and case when (false and true) then id else nullif(id,id) end) from day order by id
select day, campaign_id, device, conv(campaign_id,10,16), hex(lpad(greatest(campaign,campaign),-1,lower(campaign))) from perf order by day, campaign_id, device
select day, campaign_id, device, ((device <=> 'B')), (((clicks + impressions) / clicks) is not null) from perf order by day, campaign_id, device
select id, cast(((ts + interval -2 day) - interval 3 second) as date), repeat(format(1.5,2),2) from day order by id
select day, campaign_id, device, day, true from perf order by day, campaign_id, device
select id, 2.5e0, round(cast(coalesce('x','abc') as double),1) from day order by id
select day, campaign_id, device, -((1.5 + cost)), cast(device as datetime) from perf order by day, campaign_id, device
select id, abs(round(m)), nullif(nullif('12','abc'),rpad('B',5,'3.7x')) from num order by id
select id, rpad('12',0,if(true,'x','abc')), if(true,lower('2026-01-05'),left('2026-01-05',1)) from day order by id
select id, ((ts - interval 1 second) + interval -2 hour), ts from day order by id
select id, ((2.5e0 / id) / coalesce(0.001,0.25)), 0.25 from day order by id
select id, (k = 1e0), (2.5e0 / id) from txt where id <> 26 order by id
select id, (b is true), p from num order by id
select id, j, (i is not null) from num order by id
select id, (ts is null), '12' from day order by id
select day, campaign_id, device, conv(nullif(campaign_id,clicks),10,16), (false) from perf order by day, campaign_id, device
select day, campaign_id, device, day, (trim(device) + 0) from perf order by day, campaign_id, device
select day, campaign_id, device, str_to_date(device,'%Y-%m-%d'), (floor(ctr) between round(cost,3) and ctr) from perf order by day, campaign_id, device
select id, (ts + interval id hour), (true) from day order by id
select id, ceil(truncate(x,1)), (truncate(p,-1) + coalesce(p,p)) from num order by id
select day, campaign_id, device, (campaign like device), ((cost is null) xor (cost <=> clicks)) from perf order by day, campaign_id, device
select id, (if(true,id,id) % 0), (replace(k,k,k) in (s,trim(s))) from txt where id <> 26 order by id
select id, format(ceil(x),2), ('a' = j) from num order by id
select id, (greatest(-1,i) is not null), ((x - p) = round(p,1)) from num order by id
select id, (i * 7), (j is not null) from num order by id
select day, campaign_id, device, mod(mod(clicks,campaign_id),char_length(campaign)), ((case when false then campaign else campaign end = campaign)) from perf order by day, campaign_id, device
select id, (truncate(m,0) + -(p)), j from num order by id
select id, -(i), ('12' = m) from num order by id
select id, id, abs(cast((1e0 - 2.5e0) as decimal(12,3))) from txt where id <> 26 order by id
select id, coalesce(j,(i + i)), truncate(ceil(if(b,1e0,x)),1) from num order by id
select day, campaign_id, device, ((cost * 0) in ((cost * impressions),(cost + cost))), campaign_id from perf order by day, campaign_id, device
select id, false, ascii('abc') from day order by id
select day, campaign_id, device, cast(10 as decimal(12,3)), (campaign_id / impressions) from perf order by day, campaign_id, device
select id, 2.5e0, (ts is null) from day order by id
select id, ifnull(floor(id),(id div id)), id from txt where id <> 26 order by id
select id, false, concat_ws(k,k,k) from txt where id <> 26 order by id
select id, right(substring_index(lower(''),'3.7x',0),5), i from num order by id
select day, campaign_id, device, if(true,ctr,ctr), ((round(cost,1) * (clicks - campaign_id)) * coalesce(sign(impressions),(clicks % impressions))) from perf order by day, campaign_id, device
select day, campaign_id, device, (((campaign_id / impressions) % 100) / round(truncate(cost,0))), month((day + interval 5 day)) from perf order by day, campaign_id, device
select id, truncate(2.5e0,1), round(0.25) from txt where id <> 26 order by id
select day, campaign_id, device, (-(cost) / week(day,1)), (campaign_id % 10) from perf order by day, campaign_id, device
select id, upper(concat_ws(k,k,id)), round((-0.5e0 / 3),3) from txt where id <> 26 order by id
select day, campaign_id, device, date_format(str_to_date(device,'%Y-%m-%d'),'%Y-%m-%d %W %j'), -(cost) from perf order by day, campaign_id, device
select day, campaign_id, device, true, cast(campaign as datetime) from perf order by day, campaign_id, device
select id, lpad(k,5,s), 1e0 from txt where id <> 26 order by id
select id, (j not in (j,((b) / 3))), (p % j) from num order by id
select id, '3.7x', round(2.5e0,1) from day order by id
select day, campaign_id, device, day, sqrt(abs((ifnull('2026-01-05',device) + 0))) from perf order by day, campaign_id, device
select id, round(0.25,-1), '2026-01-05' from txt where id <> 26 order by id
select day, campaign_id, device, truncate(coalesce(cost,10.0),0), ((3.14159 % clicks) + (cost * clicks)) from perf order by day, campaign_id, device
select id, truncate((2.5e0 - 10),3), cast(nullif('B','B') as double) from day order by id
select day, campaign_id, device, (cost is null), campaign from perf order by day, campaign_id, device
select id, -((3.14159 - 0)), truncate(2.5e0,-1) from txt where id <> 26 order by id
select id, round((m - j)), cast('2026-01-05' as date) from num order by id
select id, (if(true,2.5e0,-0.5e0) * (2.5e0 * -5)), round(1e0,0) from txt where id <> 26 order by id
select id, char_length(''), true from num order by id
select day, campaign_id, device, (device + 0), (ctr * ctr) from perf order by day, campaign_id, device
select day, campaign_id, device, last_day((day + interval 2 minute)), abs((coalesce(cost,0.001) + cast(ctr as decimal(12,3)))) from perf order by day, campaign_id, device
select id, round(x,1), b from num order by id
select id, 10.0, 1e0 from txt where id <> 26 order by id
select day, campaign_id, device, trim(campaign), clicks from perf order by day, campaign_id, device
select day, campaign_id, device, coalesce(0.25,cost), coalesce(campaign,repeat(campaign,2)) from perf order by day, campaign_id, device
select day, campaign_id, device, cast(round(cost) as char), clicks from perf order by day, campaign_id, device
select id, coalesce(-2.50,-2.50), ('x' in (replace('abc','%b%','a'),'abc')) from day order by id
select day, campaign_id, device, (ctr + (truncate(cost,0) - ascii(device))), day from perf order by day, campaign_id, device
select id, cast(lower('B') as double), (substring('%b%',-1,3) like '12') from day order by id
select id, coalesce(0.001,1.5), date((ts + interval 1 hour)) from day order by id
select day, campaign_id, device, round(round(cost,1),1), ctr from perf order by day, campaign_id, device
select id, cast(lower(k) as datetime), (3.14159 % char_length('a')) from txt where id <> 26 order by id
select id, d, id from day order by id
select id, ts, '2026-01-05' from day order by id
select id, (((ts - interval 2 second) + interval 0 hour) - interval 2 second), (id + length(replace('abc','abc','2026-01-05'))) from day order by id
select id, round(1e3,3), str_to_date(cast(id as char),'%Y-%m-%d') from txt where id <> 26 order by id
select day, campaign_id, device, ((10 / clicks) <> coalesce(cost,cost)), ceil(ctr) from perf order by day, campaign_id, device
select id, 2.5e0, 2.5e0 from txt where id <> 26 order by id
select day, campaign_id, device, ((cost % 10) - case when true then campaign_id else impressions end), abs((clicks / campaign_id)) from perf order by day, campaign_id, device
select id, id, -2.50 from day order by id
select day, campaign_id, device, (cast(cost as decimal(12,3)) + (cost + cost)), truncate(1e3,-1) from perf order by day, campaign_id, device
select id, x, (abs(x) - cast(x as decimal(12,3))) from num order by id
select id, 2.5e0, 0.25 from num order by id
select day, campaign_id, device, ctr, rpad(concat_ws(campaign,'3.7x',device),-1,substring(campaign,2)) from perf order by day, campaign_id, device
select id, (dayname(d) like format(1e0,2)), cast(repeat('',2) as datetime) from day order by id
select day, campaign_id, device, cast(repeat('a',2) as datetime), true from perf order by day, campaign_id, device
select day, campaign_id, device, day, ctr from perf order by day, campaign_id, device
select id, d, true from day order by id
select id, (1e3 * id), (true and ('3.7x' = 'abc')) from day order by id
select day, campaign_id, device, (day + interval 5 minute), upper(least(device,device)) from perf order by day, campaign_id, device
select id, (-(0.25) / abs(cast(1e0 as decimal(12,3)))), (true and true) from day order by id
select id, (cast('2026-01-05' as datetime) - interval -1 second), format(0.001,2) from day order by id
select id, 1e0, id from txt where id <> 26 order by id
select id, ifnull(j,j), (cast(if(b,'','2026-01-05') as datetime) + interval -2 hour) from num order by id
select id, floor(ceil(truncate(-0.5e0,2))), 0.001 from day order by id
select id, true, (reverse(s) = (0.25 - id)) from txt where id <> 26 order by id
select id, 1e0, id from day order by id
select id, rpad(concat_ws('abc',s,k),1,if(false,s,k)), if(((0.001 <=> id) is true),cast(replace('x',k,k) as double),abs(if(true,2.5e0,2.5e0))) from txt where id <> 26 order by id
select id, (mod((id * 0),id) / 10), (0.25 / 1.5) from txt where id <> 26 order by id
select day, campaign_id, device, truncate(-(1.5),2), truncate(ctr,0) from perf order by day, campaign_id, device
select id, coalesce(cast(ceil(2.5e0) as decimal(12,3)),round((0.25 - id))), ts from day order by id
select id, (char_length('a') div to_days(d)), last_day(cast('x' as datetime)) from day order by id
select id, (('%b%' < '12') is true), (-2.50 * month(d)) from day order by id
select id, (coalesce(p,0.001) / j), ('a' like '2026-01-05') from num order by id
select id, (-((m + p)) / round(round(m,-1))), (m / j) from num order by id
select day, campaign_id, device, ceil((ceil(ctr) - truncate(cost,3))), cost from perf order by day, campaign_id, device
select id, format(1e0,2), cast(left(if(false,'12','%b%'),0) as datetime) from day order by id
select id, year(e), truncate(3.14159,2) from day order by id
select id, 'B', (round(0.25,3) % dayofyear(d)) from day order by id
select id, cast(repeat(s,2) as double), -0.5e0 from txt where id <> 26 order by id
select id, trim('B'), (substring(ifnull('B',''),-1) = (floor(3.14159) / ascii('B'))) from day order by id
select id, (trim(hex('x')) + 0), abs(x) from num order by id
select id, (sqrt(abs(1.5)) = sqrt(abs(id))), cast(-(id) as char) from txt where id <> 26 order by id
select day, campaign_id, device, ceil(ctr), (ctr * month(day)) from perf order by day, campaign_id, device
select day, campaign_id, device, (repeat(substring(campaign,5),2) in (campaign,upper(dayname(day)))), (false xor false) from perf order by day, campaign_id, device
select id, (id is not null), s from txt where id <> 26 order by id
select id, abs(least(id,0)), ((ts - interval 1 second) - interval 2 second) from day order by id
select day, campaign_id, device, (round(ctr,-1) - cost), (abs(ctr) * (2.5e0 + ctr)) from perf order by day, campaign_id, device
select day, campaign_id, device, device, conv(100,10,16) from perf order by day, campaign_id, device
select id, str_to_date(least(k,k),'%Y-%m-%d'), ((s + 0) * truncate(1e3,-1)) from txt where id <> 26 order by id
select day, campaign_id, device, substring_index(coalesce(device,device),conv(impressions,10,16),-1), coalesce(cost,1.5) from perf order by day, campaign_id, device
select id, greatest(coalesce(7,id),abs(id)), (nullif(id,7) <=> -2.50) from txt where id <> 26 order by id
select id, (ts is null), (hex('3.7x') = abs(1.5)) from day order by id
select id, (id is null), id from txt where id <> 26 order by id
select id, (10.0 in (floor(id),(-0.5e0 / 1.5))), if((s = s),k,s) from txt where id <> 26 order by id
select day, campaign_id, device, false, round(ctr,-1) from perf order by day, campaign_id, device
select id, ((x + 1e3) - (-2.50 - i)), 1e3 from num order by id
select id, s, cast(s as date) from txt where id <> 26 order by id
select id, ceil(1e3), (cast('3.7x' as datetime) + interval 1 hour) from day order by id
select day, campaign_id, device, (cast(-0.5e0 as char) <=> conv(clicks,10,16)), 0.001 from perf order by day, campaign_id, device
select id, truncate(abs((i / -5)),1), (cast('B' as date) >= '2026-01-05') from num order by id
select id, ((j / i) < (x - m)), (not (b)) from num order by id
select id, 'abc', (true xor true) from day order by id
select id, 1e3, (false or true) from txt where id <> 26 order by id
select day, campaign_id, device, 3.14159, cast((cast(device as datetime) + interval campaign_id day) as date) from perf order by day, campaign_id, device
select id, (10.0 / cast(0.25 as decimal(12,3))), if(false,-0.5e0,(1e3 / 10)) from txt where id <> 26 order by id
select id, k, cast(s as date) from txt where id <> 26 order by id
select id, ((if(true,s,s) = case when false then s else k end)), lower(k) from txt where id <> 26 order by id
select id, -(j), (cast('3.7x' as datetime) - interval 2 second) from num order by id
select id, x, (b xor (b and false)) from num order by id
select id, (cast(coalesce('%b%','B') as datetime) + interval -1 hour), (str_to_date('x','%Y-%m-%d') + interval -2 minute) from day order by id
select id, if(('' < substring('2026-01-05',id,3)),((1e0 * 1e3) + (-2.50 % id)),2.5e0), (greatest(d,d) + interval 1 minute) from day order by id
select id, nullif(rpad('12',1,'%b%'),'B'), ('%b%' = (10.0 - id)) from day order by id
select id, ((0.25 * id) < length('')), (strcmp('abc','') div mod(id,id)) from day order by id
select day, campaign_id, device, cast((cost * clicks) as decimal(12,3)), impressions from perf order by day, campaign_id, device
select id, x, ('B' = 'B') from num order by id
select id, -(coalesce(j,j)), abs(((p / p) - nullif(j,i))) from num order by id
select id, round(1.5,3), false from day order by id
select id, last_day((e + interval 1 minute)), dayname(e) from day order by id
select id, floor(x), abs(3) from num order by id
select id, ceil(2.5e0), (2.5e0 not in (10.0,0.001)) from day order by id
select id, ceil(cast(id as decimal(12,3))), truncate((2.5e0 - -0.5e0),3) from day order by id
select day, campaign_id, device, ((clicks / impressions) not in (cost,ctr)), (coalesce(day,day) - interval 2 month) from perf order by day, campaign_id, device
select day, campaign_id, device, campaign, least(3,strcmp(device,campaign)) from perf order by day, campaign_id, device
select id, abs((10.0 * id)), 1e3 from txt where id <> 26 order by id
select day, campaign_id, device, str_to_date(conv(clicks,10,16),'%Y-%m-%d'), if(true,greatest(day,day),day) from perf order by day, campaign_id, device
select day, campaign_id, device, 1, (((cost + cost) % (impressions % clicks)) = cost) from perf order by day, campaign_id, device
select id, (ts - interval id second), if(false,d,d) from day order by id
select id, (ts - interval 5 second), substring_index(rpad('%b%',0,''),trim('x'),1) from day order by id
select id, ((p + p) - -5), (x - floor(x)) from num order by id
select id, least(k,k), (1.5 / id) from txt where id <> 26 order by id
select id, 'B', ascii('x') from day order by id
select id, b, m from num order by id
select id, (1e3 * 3.14159), floor(1e0) from txt where id <> 26 order by id
select id, cast(id as char), (ascii(k) - -5) from txt where id <> 26 order by id
# generated: groups, windows, joins, subqueries
select p.device g, sum(c.budget * p.clicks) a from perf p left join camp c on p.campaign_id = c.id group by p.device
select min(length(campaign)) = max(clicks) c0, var_samp(clicks * 2) c1, bit_or(clicks) c2 from perf where cost between 1 and 10
select round(cost) c0, clicks is null c1, avg(campaign_id) c2, sum(clicks) * 1.1 c3, sum(ctr) / sum(cost) c4 from perf where device in ('MOBILE','TABLET') group by c0, c1 having c2 is not null
select c.id g, sum(p.cost) a from perf p left join camp c on p.campaign = c.name group by c.id
select day c0, round(avg(cost), 3) c1, coalesce(avg(clicks), -1) c2, sum(distinct length(campaign)) c3 from perf where campaign = 'GENERIQUE' group by c0
select day, device, campaign_id, min(cost * clicks) over ( order by cost desc, day) v from perf
select day, device, campaign_id, avg(cost + 0.5) over ( order by day, device, campaign_id) v from perf
select campaign_id c0, sum(cost * clicks) * 1.1 c1, count(distinct impressions, clicks) c2 from perf where campaign = 'GENERIQUE' group by c0
select campaign c0, any_value(1) c1, avg(cost * clicks) c2 from perf where clicks > 1 group by c0
select distinct campaign_id, month(day) from perf
select var_samp(campaign_id) c0 from perf
select device c0, coalesce(avg(campaign_id), -1) c1, sum(length(campaign)) > 5 c2 from perf where clicks > 1 group by c0 having c1 is not null
select day, device, campaign_id, avg(impressions) over (partition by campaign ) v from perf
select concat(sum(clicks * 2)) c0 from perf where clicks is not null and impressions > 60
select clicks is null c0, count(cost * clicks) c1 from perf group by c0
select day, device, campaign_id, min(cost * clicks) over (partition by day order by day, device, campaign_id) v from perf
select campaign_id from perf union select device from perf
select c.id, (select sum(clicks) > 5 from perf where perf.campaign_id = c.id) v from camp c
select campaign c0, count(*) c1, count(distinct length(campaign), ctr) c2 from perf where campaign like 'b%' group by c0 having c1 is not null
select c.status g, sum(c.budget * p.clicks) a from perf p right join camp c on p.campaign_id = c.id and c.active group by c.status
select day, device, campaign_id, min(clicks * 2) over ( ) v from perf
select c.status g, sum(p.cost) a from perf p left join camp c on p.campaign = c.name group by c.status
select day, device, campaign_id, max(cost + 0.5) over (partition by device order by cost desc, day) v from perf
select day c0, avg(distinct cost / 3) c1 from perf where clicks is not null and impressions > 60 group by c0
select campaign_id c0, avg(cost / nullif(clicks,0)) * 3 c1 from perf group by c0
select t.k, t.s * 2, t.a * 3 from (select campaign_id % 2 k, sum(impressions) s, avg(cost) a from perf group by campaign_id % 2) t where t.s > 0
with t as (select left(campaign,1) k, sum(impressions) s from perf group by k) select a.k, a.s, b.s from t a join t b on a.k = b.k
select c.id, (select any_value(1) from perf where perf.campaign_id = c.id) v from camp c
select upper(campaign) c0, device c1, count(clicks / impressions) + 1 c2, count(ctr) c3, count(*) c4 from perf where campaign like 'b%' group by c0, c1 having c2 is not null
with t as (select campaign_id k, sum(ctr) s from perf group by k) select a.k, a.s, b.s from t a join t b on a.k = b.k
select clicks is null c0, coalesce(avg(impressions), -1) c1 from perf where campaign = 'GENERIQUE' group by c0
select p.day g, sum(c.budget * p.clicks) a from perf p left join camp c on p.campaign_id <= c.id and p.clicks > 5 group by p.day
select day, device, campaign_id, count(cost * clicks) over ( order by day, device, campaign_id) v from perf
with t as (select coalesce(clicks,0) k, sum(cost + 0.5) s from perf group by k) select a.k, a.s, b.s from t a join t b on a.k = b.k
select any_value(1) c0 from perf where clicks is not null and impressions > 60
select clicks is null c0, var_samp(ctr) c1, if(sum(cost + 0.5) > 3, 1, 0) c2 from perf where day >= '2026-11-02' group by c0
select var_samp(cost * clicks) c0, avg(distinct ctr) c1, count(cost / nullif(clicks,0)) + 1 c2 from perf where clicks is not null and impressions > 60
select count(*) from (select month(day) k, count(*) n from perf group by k having n > 1) t
select date_format(day,'%Y-%m') c0, sum(ctr) / sum(cost / 3) c1, avg(cost / nullif(clicks,0)) c2 from perf where campaign like 'b%' group by c0
select sum(clicks / impressions) c0 from perf where device in ('MOBILE','TABLET')
select day c0, upper(campaign) c1, sum(cost / nullif(clicks,0)) / sum(cost / 3) c2, sum(clicks) / count(*) c3 from perf where day >= '2026-11-02' group by c0, c1 having c2 is not null
select day, device, campaign_id, avg(cost * clicks) over (partition by device order by day, device, campaign_id) v from perf
select c.name g, count(distinct p.device) a from perf p join camp c on p.campaign = c.name group by c.name
select day, device, campaign_id, lead(ctr, 1) over ( order by day, device, campaign_id) v from perf
select c.name from camp c where not exists (select 1 from perf p where p.campaign_id = c.id and p.clicks > 0)
select upper(campaign) c0, avg(cost / nullif(clicks,0)) c1, sum(clicks / impressions) c2 from perf where day >= '2026-11-02' group by c0
select left(campaign,1) c0, coalesce(avg(clicks * 2), -1) c1, count(distinct cost / nullif(clicks,0)) c2, sum(if(clicks>5,cost,0)) / count(*) c3 from perf where device in ('MOBILE','TABLET') group by c0
select campaign from perf union select device from perf
select c.name g, sum(p.cost) a from perf p left join camp c on p.campaign_id = c.id and c.active group by c.name
select day, device, campaign_id, count(clicks * 2) over (partition by device order by day, device, campaign_id) v from perf
select sum(distinct ctr) c0, min(impressions) c1 from perf where campaign = 'GENERIQUE'
select day c0, avg(distinct ctr) c1 from perf where day >= '2026-11-02' group by c0
select if(clicks > 5,'hi','lo') c0, concat(sum(clicks * 2)) c1, concat(sum(cost * clicks)) c2 from perf group by c0 having c1 is not null
select campaign_id % 2 from perf except select campaign_id % 2 from perf where clicks > 5
select sum(ctr) / count(*) c0, concat(sum(if(clicks>5,cost,0))) c1 from perf
select day, device, campaign_id, max(campaign_id) over ( order by day, device, campaign_id) v from perf
select if(clicks > 5,'hi','lo') c0, max(day) c1, avg(ctr) * 3 c2, min(clicks) = max(clicks) c3 from perf where campaign = 'GENERIQUE' group by c0
select c.active g, count(*) a from perf p right join camp c on p.campaign_id = c.id group by c.active
select campaign c0, avg(if(clicks>5,cost,0)) * 3 c1 from perf group by c0
select month(day) c0, sum(clicks * 2) / sum(length(campaign)) c1, max(campaign_id) - min(impressions) c2 from perf where clicks > 1 group by c0
select distinct campaign, device from perf
select p.day g, max(c.name) a from perf p left join camp c on p.campaign = c.name group by p.day
select upper(campaign) c0, var_samp(cost + 0.5) c1 from perf group by c0
select c.id, (select sum(clicks * 2) * 1.1 from perf where perf.campaign_id = c.id) v from camp c
with t as (select day k, sum(ctr) s from perf group by k) select a.k, a.s, b.s from t a join t b on a.k = b.k
select coalesce(clicks,0) c0, sum(case when device = 'mobile' then impressions else 0 end) c1, count(distinct day, campaign_id) c2 from perf where day >= '2026-11-02' group by c0
select day, device, campaign_id, row_number() over (partition by campaign order by day, device, campaign_id) v from perf
select distinct date_format(day,'%Y-%m'), day from perf
select c.status g, sum(c.budget * p.clicks) a from perf p right join camp c on p.campaign_id <= c.id and p.clicks > 5 group by c.status
select c.name g, min(c.created) a from perf p join camp c on p.campaign = c.name group by c.name
select sum(cost / 3) * 1.1 c0 from perf where cost between 1 and 10
select c.id g, sum(p.cost) a from perf p join camp c on p.campaign_id <= c.id and p.clicks > 5 group by c.id
select t.k, t.s * 2, t.a * 3 from (select coalesce(clicks,0) k, sum(campaign_id) s, avg(cost + 0.5) a from perf group by coalesce(clicks,0)) t where t.s > 0
select day, device, campaign_id, avg(impressions) over (partition by device order by cost desc, day) v from perf
select c.status g, count(distinct p.device) a from perf p join camp c on p.campaign_id = c.id group by c.status
select day from perf union select if(clicks > 5,'hi','lo') from perf
select avg(clicks * 2) * 3 c0, avg(distinct impressions) c1, min(cost + 0.5) c2 from perf where clicks is not null and impressions > 60
select round(avg(impressions), 3) c0 from perf where day >= '2026-11-02'
select campaign c0, day c1, ifnull(sum(cost * clicks), 0) c2 from perf where cost between 1 and 10 group by c0, c1 having c2 is not null
select t.k, t.s * 2, t.a * 3 from (select campaign_id % 2 k, sum(cost) s, avg(cost / nullif(clicks,0)) a from perf group by campaign_id % 2) t where t.s > 0
select concat(sum(clicks * 2)) c0 from perf
select p.device g, min(c.created) a from perf p left join camp c on p.campaign_id <= c.id and p.clicks > 5 group by p.device
select left(campaign,1) c0, if(sum(cost / 3) > 3, 1, 0) c1, round(avg(cost), 3) c2 from perf where campaign = 'GENERIQUE' group by c0 having c1 is not null
with t as (select if(clicks > 5,'hi','lo') k, sum(cost / nullif(clicks,0)) s from perf group by k) select a.k, a.s, b.s from t a join t b on a.k = b.k
select if(clicks > 5,'hi','lo') c0, sum(campaign_id) * 1.1 c1 from perf where day >= '2026-11-02' group by c0
select c.status g, avg(c.budget) a from perf p left join camp c on p.campaign_id <= c.id and p.clicks > 5 group by c.status
select c.active g, sum(c.budget * p.clicks) a from perf p right join camp c on p.campaign = c.name group by c.active
select upper(campaign) c0, count(distinct clicks * 2, campaign_id) c1, count(cost * clicks) + 1 c2 from perf where campaign = 'GENERIQUE' group by c0
select day, device, campaign_id, avg(length(campaign)) over (partition by campaign ) v from perf
select t.k, t.s * 2, t.a * 3 from (select campaign k, sum(cost / 3) s, avg(clicks) a from perf group by campaign) t where t.s > 0
select p.day g, count(*) a from perf p left join camp c on p.campaign = c.name group by p.day
select c.name g, sum(p.cost) a from perf p join camp c on p.campaign_id = c.id and c.active group by c.name
select distinct round(cost), device from perf
select left(campaign,1) c0, max(clicks) - min(length(campaign)) c1, sum(clicks) * 1.1 c2, count(distinct cost / 3) c3 from perf where clicks is not null and impressions > 60 group by c0
select month(day) c0, if(sum(cost / 3) > 3, 1, 0) c1, var_samp(length(campaign)) c2, sum(cost) > 5 c3 from perf where clicks > 1 group by c0 having c1 is not null
select c.status g, sum(c.budget * p.clicks) a from perf p left join camp c on p.campaign_id <= c.id and p.clicks > 5 group by c.status
select left(campaign,1) c0, min(cost) = max(clicks * 2) c1, var_samp(length(campaign)) c2 from perf group by c0 having c1 is not null
select 100 * sum(ctr) / nullif(sum(clicks / impressions), 0) c0, sum(cost + 0.5) c1, 100 * sum(cost / 3) / nullif(sum(cost), 0) c2 from perf where campaign like 'b%'
select campaign c0, sum(clicks * 2) / count(*) c1, count(campaign) c2, var_samp(cost) c3 from perf where day >= '2026-11-02' group by c0 having c1 is not null
select campaign_id % 2 c0, var_samp(cost + 0.5) c1, max(clicks) - min(length(campaign)) c2 from perf where clicks > 1 group by c0 having c1 is not null
select distinct day, day from perf
select max(length(campaign)) c0 from perf where clicks is not null and impressions > 60
select day, device, campaign_id, lead(if(clicks>5,cost,0), 1) over (partition by campaign order by day, device, campaign_id) v from perf
select avg(distinct if(clicks>5,cost,0)) c0 from perf
select c.id g, min(c.created) a from perf p join camp c on p.campaign_id = c.id and c.active group by c.id
select c.name from camp c where not exists (select 1 from perf p where p.campaign_id = c.id and p.clicks > 5)
select day, device, campaign_id, row_number() over ( order by day, device, campaign_id) v from perf
select p.day g, sum(p.cost) a from perf p right join camp c on p.campaign_id = c.id and c.active group by p.day
select min(length(campaign)) = max(impressions) c0 from perf where cost between 1 and 10
select day, device, campaign_id, min(clicks) over (partition by campaign order by campaign, device, day) v from perf
select round(cost) from perf union select coalesce(clicks,0) from perf
select round(cost) c0, month(day) c1, 100 * sum(cost) / nullif(sum(cost + 0.5), 0) c2, 100 * sum(cost) / nullif(sum(cost / nullif(clicks,0)), 0) c3 from perf where campaign = 'GENERIQUE' group by c0, c1
select t.k, t.s * 2, t.a * 3 from (select day k, sum(length(campaign)) s, avg(impressions) a from perf group by day) t where t.s > 0
select campaign c0, if(clicks > 5,'hi','lo') c1, count(*) c2, min(cost * clicks) c3 from perf where campaign = 'GENERIQUE' group by c0, c1 having c2 is not null
select count(*) from (select coalesce(clicks,0) k, count(*) n from perf group by k having n > 1) t
select t.k, t.s * 2, t.a * 3 from (select date_format(day,'%Y-%m') k, sum(impressions) s, avg(cost / nullif(clicks,0)) a from perf group by date_format(day,'%Y-%m')) t where t.s > 0
select coalesce(avg(cost + 0.5), -1) c0, avg(clicks * 2) c1 from perf where clicks is not null and impressions > 60
select month(day) c0, coalesce(clicks,0) c1, round(avg(clicks / impressions), 3) c2, count(distinct ctr) c3 from perf where campaign = 'GENERIQUE' group by c0, c1
select p.device g, min(c.created) a from perf p join camp c on p.campaign_id = c.id and c.active group by p.device
select p.day g, avg(c.budget) a from perf p right join camp c on p.campaign = c.name group by p.day
select count(day) c0, avg(distinct cost / nullif(clicks,0)) c1, sum(if(clicks>5,cost,0)) / sum(if(clicks>5,cost,0)) c2 from perf where cost between 1 and 10
select day, device, campaign_id, lead(cost + 0.5, 1) over (partition by device order by day, device, campaign_id) v from perf
select coalesce(clicks,0) c0, round(cost) c1, avg(cost / nullif(clicks,0)) c2, concat(sum(cost / nullif(clicks,0))) c3, if(sum(length(campaign)) > 3, 1, 0) c4 from perf group by c0, c1
select day, device, campaign_id, dense_rank() over (partition by campaign order by day, device, campaign_id) v from perf
select day, device, campaign_id, avg(cost + 0.5) over ( order by campaign, device, day) v from perf
select upper(campaign) c0, sum(cost / 3) > 5 c1 from perf where campaign = 'GENERIQUE' group by c0 having c1 is not null
select coalesce(clicks,0) c0, sum(length(campaign)) > 5 c1, round(avg(if(clicks>5,cost,0)), 3) c2 from perf group by c0 having c1 is not null
select day, device, campaign_id, rank() over (partition by campaign order by day, device, campaign_id) v from perf
select min(cost / nullif(clicks,0)) = max(length(campaign)) c0 from perf where day >= '2026-11-02'
select day c0, avg(ctr) c1, if(sum(clicks / impressions) > 3, 1, 0) c2 from perf where campaign = 'GENERIQUE' group by c0 having c1 is not null
select campaign_id % 2 c0, max(campaign_id) - min(cost / nullif(clicks,0)) c1 from perf where clicks > 1 group by c0 having c1 is not null
select campaign c0, sum(clicks) > 5 c1, count(*) c2 from perf group by c0 having c1 is not null
select device from perf union all select device from perf where clicks > 5
select campaign_id k, count(*) from perf where campaign_id in (select id from camp where status = 'PAUSED') group by k
select c.name g, max(c.name) a from perf p right join camp c on p.campaign = c.name group by c.name
select coalesce(clicks,0) c0, campaign_id c1, max(impressions) c2, round(avg(cost * clicks), 3) c3 from perf group by c0, c1
select day, device, campaign_id, count(cost * clicks) over ( ) v from perf
select t.k, t.s * 2, t.a * 3 from (select device k, sum(if(clicks>5,cost,0)) s, avg(impressions) a from perf group by device) t where t.s > 0
select t.k, t.s * 2, t.a * 3 from (select campaign_id k, sum(campaign_id) s, avg(clicks) a from perf group by campaign_id) t where t.s > 0
select campaign c0, sum(cost / nullif(clicks,0)) / sum(cost / 3) c1 from perf where cost between 1 and 10 group by c0 having c1 is not null
select distinct left(campaign,1), campaign_id from perf
select upper(campaign) c0, count(distinct clicks, cost * clicks) c1, concat(sum(cost)) c2, count(*) c3 from perf where campaign = 'GENERIQUE' group by c0 having c1 is not null
select c.status g, max(c.name) a from perf p left join camp c on p.campaign = c.name group by c.status
select c.status g, count(distinct p.device) a from perf p right join camp c on p.campaign_id = c.id and c.active group by c.status
select t.k, t.s * 2, t.a * 3 from (select upper(campaign) k, sum(impressions) s, avg(cost / nullif(clicks,0)) a from perf group by upper(campaign)) t where t.s > 0
with t as (select clicks is null k, sum(clicks * 2) s from perf group by k) select a.k, a.s, b.s from t a join t b on a.k = b.k
select left(campaign,1) c0, month(day) c1, sum(cost + 0.5) > 5 c2, avg(distinct if(clicks>5,cost,0)) c3, coalesce(avg(cost * clicks), -1) c4 from perf where campaign = 'GENERIQUE' group by c0, c1 having c2 is not null
select if(sum(if(clicks>5,cost,0)) > 3, 1, 0) c0, coalesce(avg(cost + 0.5), -1) c1 from perf
select campaign_id c0, min(clicks / impressions) c1, concat(sum(ctr)) c2 from perf group by c0
select avg(clicks * 2) c0, count(impressions) c1, min(day) c2 from perf where cost between 1 and 10
select day, device, campaign_id, min(if(clicks>5,cost,0)) over ( ) v from perf
with t as (select campaign_id k, sum(cost / nullif(clicks,0)) s from perf group by k) select a.k, a.s, b.s from t a join t b on a.k = b.k
select p.device g, count(distinct p.device) a from perf p right join camp c on p.campaign = c.name group by p.device
select c.name g, min(c.created) a from perf p right join camp c on p.campaign_id = c.id and c.active group by c.name
select device k, count(*) from perf where campaign_id in (select id from camp where budget > 100) group by k
select day, device, campaign_id, sum(clicks) over (partition by day ) v from perf
with t as (select month(day) k, sum(ctr) s from perf group by k) select a.k, a.s, b.s from t a join t b on a.k = b.k
select day, device, campaign_id, count(campaign_id) over ( order by day, device, campaign_id) v from perf
select upper(campaign) c0, sum(cost + 0.5) c1 from perf where day >= '2026-11-02' group by c0
select c.active g, count(*) a from perf p left join camp c on p.campaign_id = c.id group by c.active
select count(distinct campaign) c0 from perf
select month(day) c0, any_value(1) c1 from perf where cost between 1 and 10 group by c0
select c.id g, sum(c.budget * p.clicks) a from perf p join camp c on p.campaign_id <= c.id and p.clicks > 5 group by c.id
select round(cost) k, count(*) from perf where campaign_id in (select id from camp where budget > 100) group by k
with t as (select campaign k, sum(campaign_id) s from perf group by k) select a.k, a.s, b.s from t a join t b on a.k = b.k
select p.device g, sum(p.cost) a from perf p join camp c on p.campaign_id = c.id and c.active group by p.device
select t.k, t.s * 2, t.a * 3 from (select device k, sum(ctr) s, avg(cost * clicks) a from perf group by device) t where t.s > 0
select coalesce(clicks,0) from perf union select campaign_id from perf
select distinct day, coalesce(clicks,0) from perf
select campaign_id c0, device c1, avg(campaign_id) * 3 c2, ifnull(sum(clicks / impressions), 0) c3 from perf where campaign = 'GENERIQUE' group by c0, c1
select if(sum(impressions) > 3, 1, 0) c0, count(distinct clicks * 2) c1 from perf where clicks > 1
select campaign c0, if(clicks > 5,'hi','lo') c1, sum(cost + 0.5) > 5 c2, sum(length(campaign)) * 1.1 c3, sum(if(clicks>5,cost,0)) c4 from perf where campaign = 'GENERIQUE' group by c0, c1 having c2 is not null
select c.id g, avg(c.budget) a from perf p left join camp c on p.campaign_id = c.id group by c.id
select 100 * sum(cost * clicks) / nullif(sum(cost * clicks), 0) c0 from perf where cost between 1 and 10
select day, device, campaign_id, lag(device)  over (partition by day order by day, device, campaign_id) v from perf
select sum(cost / 3) * 1.1 c0, sum(clicks * 2) c1, ifnull(sum(cost * clicks), 0) c2 from perf where campaign = 'GENERIQUE'
select month(day) c0, avg(ctr) * 3 c1, count(cost * clicks) + 1 c2 from perf group by c0
select upper(campaign) c0, count(*) c1 from perf where campaign like 'b%' group by c0
select campaign c0, max(cost / nullif(clicks,0)) c1 from perf group by c0
select c.id g, sum(c.budget * p.clicks) a from perf p right join camp c on p.campaign = c.name group by c.id
select if(clicks > 5,'hi','lo') from perf union select device from perf
select p.day g, min(c.created) a from perf p left join camp c on p.campaign_id <= c.id and p.clicks > 5 group by p.day
select campaign k, count(*) from perf where campaign_id in (select id from camp where active) group by k
select day, device, campaign_id, count(*) over ( order by day, device, campaign_id) v from perf
select count(cost / 3) + 1 c0 from perf where day >= '2026-11-02'
select month(day) c0, bit_or(clicks) c1 from perf where campaign like 'b%' group by c0 having c1 is not null
select c.id, (select sum(cost) * 1.1 from perf where perf.campaign_id = c.id) v from camp c
select day, device, campaign_id, lag(cost / 3)  over ( order by day, device, campaign_id) v from perf
select coalesce(clicks,0) c0, count(*) c1, sum(clicks / impressions) * 1.1 c2 from perf where cost between 1 and 10 group by c0 having c1 is not null
select device from perf intersect select device from perf where clicks > 5
select sum(case when device = 'mobile' then cost / nullif(clicks,0) else 0 end) c0, sum(clicks * 2) / count(*) c1, count(cost) + 1 c2 from perf where clicks > 1
select left(campaign,1) c0, month(day) c1, concat(sum(impressions)) c2, sum(ctr) > 5 c3, sum(case when device = 'mobile' then cost + 0.5 else 0 end) c4 from perf group by c0, c1
select campaign c0, sum(if(clicks>5,cost,0)) * 1.1 c1, sum(campaign_id) > 5 c2, any_value(1) c3 from perf group by c0
select day, device, campaign_id, count(cost) over (partition by campaign order by day, device, campaign_id) v from perf
select p.device g, count(*) a from perf p right join camp c on p.campaign_id <= c.id and p.clicks > 5 group by p.device
select campaign_id c0, min(cost * clicks) = max(cost / nullif(clicks,0)) c1, avg(cost * clicks) * 3 c2, 100 * sum(cost + 0.5) / nullif(sum(cost / 3), 0) c3 from perf where campaign = 'GENERIQUE' group by c0
select device c0, clicks is null c1, ifnull(sum(cost / nullif(clicks,0)), 0) c2, sum(cost / 3) / count(*) c3 from perf where campaign like 'b%' group by c0, c1 having c2 is not null
select date_format(day,'%Y-%m') c0, coalesce(clicks,0) c1, sum(ctr) > 5 c2 from perf where day >= '2026-11-02' group by c0, c1
select campaign_id % 2 c0, avg(clicks) * 3 c1 from perf group by c0
select campaign_id % 2 c0, date_format(day,'%Y-%m') c1, max(clicks / impressions) c2, max(cost / nullif(clicks,0)) - min(ctr) c3, sum(cost * clicks) / count(*) c4 from perf group by c0, c1
select round(cost) c0, coalesce(avg(campaign_id), -1) c1, round(avg(cost * clicks), 3) c2 from perf where clicks > 1 group by c0
select day, device, campaign_id, lead(if(clicks>5,cost,0), 1) over (partition by day order by day, device, campaign_id) v from perf
with t as (select campaign k, sum(cost) s from perf group by k) select a.k, a.s, b.s from t a join t b on a.k = b.k
select round(cost) c0, sum(distinct ctr) c1, sum(length(campaign)) / sum(clicks) c2 from perf group by c0
select day, device, campaign_id, row_number() over (partition by day order by day, device, campaign_id) v from perf
select if(clicks > 5,'hi','lo') from perf except select if(clicks > 5,'hi','lo') from perf where clicks > 5
select campaign c0, min(cost * clicks) c1, count(distinct cost / nullif(clicks,0), cost * clicks) c2, count(cost / 3) c3 from perf where campaign like 'b%' group by c0
select day, device, campaign_id, avg(clicks) over (partition by device order by campaign, device, day) v from perf
select c.name g, min(c.created) a from perf p join camp c on p.campaign_id = c.id and c.active group by c.name
select distinct date_format(day,'%Y-%m'), device from perf
select upper(campaign) c0, var_samp(cost / nullif(clicks,0)) c1, sum(length(campaign)) / count(*) c2, var_samp(cost * clicks) c3 from perf where clicks > 1 group by c0 having c1 is not null
select day from perf except select day from perf where clicks > 5
select c.active g, avg(c.budget) a from perf p join camp c on p.campaign_id = c.id and c.active group by c.active
select day, device, campaign_id, first_value(cost * clicks) over ( order by day, device, campaign_id) v from perf
select day, device, campaign_id, rank() over (partition by day order by day, device, campaign_id) v from perf
with t as (select device k, sum(impressions) s from perf group by k) select a.k, a.s, b.s from t a join t b on a.k = b.k
select c.id g, avg(c.budget) a from perf p right join camp c on p.campaign_id <= c.id and p.clicks > 5 group by c.id
select left(campaign,1) k, count(*) from perf where campaign_id in (select id from camp where budget > 100) group by k
select round(cost) c0, any_value(1) c1, count(*) c2 from perf where device in ('MOBILE','TABLET') group by c0
select p.device g, count(distinct p.device) a from perf p left join camp c on p.campaign_id <= c.id and p.clicks > 5 group by p.device
select concat(sum(ctr)) c0, var_samp(cost / 3) c1, concat(sum(campaign_id)) c2 from perf where device in ('MOBILE','TABLET')
select p.device g, min(c.created) a from perf p join camp c on p.campaign_id = c.id group by p.device
select day, device, campaign_id, lag(device)  over (partition by campaign order by day, device, campaign_id) v from perf
select day, device, campaign_id, lead(cost / 3, 1) over (partition by day order by day, device, campaign_id) v from perf
select day, device, campaign_id, max(clicks / impressions) over (partition by campaign order by campaign, device, day) v from perf
select count(*) from (select round(cost) k, count(*) n from perf group by k having n > 1) t
select campaign c0, device c1, avg(ctr) * 3 c2 from perf group by c0, c1 having c2 is not null
select count(*) from (select clicks is null k, count(*) n from perf group by k having n > 1) t
select device k, count(*) from perf where campaign_id in (select id from camp where name like '%a%') group by k
select day, device, campaign_id, count(campaign_id) over (partition by device order by campaign, device, day) v from perf
select std(length(campaign)) c0, min(cost * clicks) c1, sum(clicks) * 1.1 c2 from perf
select campaign c0, avg(distinct cost + 0.5) c1, var_samp(clicks / impressions) c2, any_value(1) c3 from perf where day >= '2026-11-02' group by c0
select c.active g, count(*) a from perf p right join camp c on p.campaign_id <= c.id and p.clicks > 5 group by c.active
select campaign c0, sum(case when device = 'mobile' then cost + 0.5 else 0 end) c1 from perf where cost between 1 and 10 group by c0
select round(cost) c0, avg(distinct length(campaign)) c1 from perf where clicks > 1 group by c0 having c1 is not null
select if(clicks > 5,'hi','lo') c0, date_format(day,'%Y-%m') c1, sum(cost) c2, coalesce(avg(cost), -1) c3 from perf group by c0, c1 having c2 is not null
select round(avg(cost), 3) c0, std(clicks * 2) c1, count(if(clicks>5,cost,0)) c2 from perf where clicks > 1
select left(campaign,1) c0, sum(case when device = 'mobile' then impressions else 0 end) c1 from perf where campaign = 'GENERIQUE' group by c0 having c1 is not null
select min(cost / nullif(clicks,0)) = max(cost / 3) c0 from perf
select avg(campaign_id) * 3 c0 from perf
select distinct if(clicks > 5,'hi','lo'), round(cost) from perf
select if(clicks > 5,'hi','lo') c0, round(cost) c1, count(impressions) c2, coalesce(avg(cost), -1) c3, count(distinct campaign) c4 from perf where campaign = 'GENERIQUE' group by c0, c1 having c2 is not null
select if(clicks > 5,'hi','lo') c0, round(cost) c1, var_samp(if(clicks>5,cost,0)) c2, sum(clicks) / sum(length(campaign)) c3, bit_or(clicks) c4 from perf where cost between 1 and 10 group by c0, c1
select bit_or(clicks) c0, sum(clicks * 2) > 5 c1, sum(cost + 0.5) * 1.1 c2 from perf
select day, device, campaign_id, max(day) over (partition by day ) v from perf
select p.device g, min(c.created) a from perf p left join camp c on p.campaign_id = c.id group by p.device
select round(cost) k, count(*) from perf where campaign_id in (select id from camp where status = 'PAUSED') group by k
select campaign c0, count(distinct campaign_id) c1, round(avg(cost + 0.5), 3) c2, round(avg(campaign_id), 3) c3 from perf where clicks is not null and impressions > 60 group by c0
select t.k, t.s * 2, t.a * 3 from (select day k, sum(campaign_id) s, avg(impressions) a from perf group by day) t where t.s > 0
select campaign_id % 2 c0, if(sum(impressions) > 3, 1, 0) c1, if(sum(cost) > 3, 1, 0) c2, avg(clicks) c3 from perf group by c0 having c1 is not null
select distinct round(cost), count(*) from perf group by round(cost) order by 1
select distinct if(clicks > 5,'hi','lo') from perf order by 1 desc
select id, (i, j) in (select j, i from num where j > 1) a, (i, j) not in (select i, nullif(j, 3) from num) b, not ((i, j) in (select i, j from num where id < 4)) c from num order by id
select id from num where (i, j) not in (select i + 1, j from num where i is not null) or i is null order by 1
select id, trim(leading 'a' from s) a, trim(trailing 'c' from s) b, trim(both ' ' from s) c, trim(leading ' ' from s) d, trim(trailing ' ' from s) e from txt order by id
select a.id, s > d g, s < ts l, s = d e, s <=> ts n, s between e and ts b, s in (d, ts) i from txt a join day b on a.id = b.id order by a.id
