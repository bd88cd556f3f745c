select
    month,
    segment,
    count(*) as users, -- one row a user, month and segment
    cast(sum(orders) as bigint) as orders,
    cast(sum(revenue) as decimal(18, 2)) as revenue,
    cast(sum(revenue) / sum(orders) as decimal(18, 2)) as average_order_value
from {{ ref('user_months') }}
group by month, segment
