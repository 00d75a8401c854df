from django.urls import path

from accounts import views

app_name = "accounts"

urlpatterns = [
    path("login/", views.LogIn.as_view(), name="login"),
    path("logout/", views.LogOut.as_view(), name="logout"),
    path("tenant/", views.choose_tenant, name="choose_tenant"),
    path("password/", views.ChangePassword.as_view(), name="password_change"),
    path("password/done/", views.password_change_done, name="password_change_done"),
    path("forgotten/", views.ForgottenPassword.as_view(), name="password_reset"),
    path("forgotten/sent/", views.ForgottenPasswordDone.as_view(), name="password_reset_done"),
    path("forgotten/<uidb64>/<token>/", views.NewPassword.as_view(), name="password_reset_confirm"),
    path("forgotten/done/", views.NewPasswordDone.as_view(), name="password_reset_complete"),
]
