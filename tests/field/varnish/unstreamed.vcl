vcl 4.1;

backend default {
    .host = "127.0.0.1";
    .port = "@http@";
}

sub vcl_backend_response {
    set beresp.do_stream = false;
}
