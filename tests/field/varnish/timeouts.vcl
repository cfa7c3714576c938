vcl 4.1;

include "@dir@/pipe.vcl";

sub vcl_backend_fetch {
    set bereq.first_byte_timeout = 5s;
    set bereq.between_bytes_timeout = 5s;
}
