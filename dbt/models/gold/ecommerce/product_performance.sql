with sold as (
    select
        product_id,
        count(*) filter (where not is_cancelled) as lines_sold,
        sum(quantity) filter (where not is_cancelled) as units_sold,
        sum(line_total) filter (where not is_cancelled) as revenue,
        sum(quantity) filter (where is_cancelled) as units_cancelled,
        max(ordered_on) filter (where not is_cancelled) as last_sold_on
    from {{ ref('fct_order_items') }}
    where not is_test
    group by product_id
),

returned as (
    select product_id, count(*) as lines_returned, sum(refund_amount) as refunded
    from {{ ref('fct_returns') }}
    where not is_test
    group by product_id
),

reviewed as (
    select
        reviews.product_id,
        count(*) as reviews,
        sum(reviews.rating) as stars
    from {{ source('catalog', 'reviews') }} as reviews
    left join {{ ref('user_standing') }} as standing on reviews.user_id = standing.user_id
    where reviews.status = 'published' and reviews.rating between 1 and 5 and not coalesce(standing.is_test, false)
    group by reviews.product_id
)

select
    products.product_id,
    products.vendor_id,
    products.category,
    coalesce(sold.lines_sold, 0) as lines_sold,
    cast(coalesce(sold.units_sold, 0) as bigint) as units_sold,
    cast(coalesce(sold.units_cancelled, 0) as bigint) as units_cancelled,
    cast(coalesce(sold.revenue, 0) as decimal(18, 2)) as revenue,
    coalesce(returned.lines_returned, 0) as lines_returned,
    cast(coalesce(returned.refunded, 0) as decimal(18, 2)) as refunded,
    {{ ratio('coalesce(returned.lines_returned, 0)', 'sold.lines_sold') }} as return_rate,
    sold.last_sold_on,
    coalesce(reviewed.reviews, 0) as reviews,
    {{ ratio('reviewed.stars', 'reviewed.reviews') }} as average_rating
from {{ ref('dim_products') }} as products
left join sold on products.product_id = sold.product_id
left join returned on products.product_id = returned.product_id
left join reviewed on products.product_id = reviewed.product_id
