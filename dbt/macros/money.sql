{#
  Stripe's whole number of a currency's smallest unit as money, exactly: dividing would go through floating point.
  Currencies without a smaller unit are Stripe's own list; where there are thousandths, Stripe takes whole hundredths only.
#}
{% macro major_unit(amount, currency) -%}
    cast(cast({{ amount }} as decimal(18, 2)) * case
        when {{ currency }} in (
            'bif', 'clp', 'djf', 'gnf', 'jpy', 'kmf', 'krw', 'mga', 'pyg', 'rwf', 'vnd', 'vuv', 'xaf', 'xof', 'xpf'
        ) then 1.000
        when {{ currency }} in ('bhd', 'jod', 'kwd', 'omr', 'tnd') then 0.001
        else 0.010
    end as decimal(18, 2))
{%- endmacro %}
