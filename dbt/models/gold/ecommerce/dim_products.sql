with prices as (
    select product_id, price
    from {{ source('product_service', 'prices') }}
    qualify row_number() over (partition by product_id order by valid_from desc, price_id desc) = 1
),

stock as (
    select product_id, sum(quantity) as units_in_stock
    from {{ source('product_service', 'inventory') }}
    group by product_id
)

select
    products.product_id,
    products.vendor_id,
    products.name,
    products.category,
    products.list_price,
    coalesce(prices.price, products.list_price) as current_price,
    cast(coalesce(stock.units_in_stock, 0) as bigint) as units_in_stock,
    products.is_active,
    {{ business_day('products.created_at') }} as listed_on
from {{ source('product_service', 'products') }} as products
left join prices on products.product_id = prices.product_id
left join stock on products.product_id = stock.product_id
