insert into notes (text, seal)
values (
    %(body)s,
    encode(sha256(decode(%(WORKFLOW_SECRET_KEY)s, 'hex') || convert_to(%(body)s, 'UTF8')), 'hex')
)
returning id
